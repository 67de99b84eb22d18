// The service's HTTP calls. Whatever is not an answer becomes a Problem with words for people.

import { toQuery } from "./params.js";
import { recall, remember } from "./remembered.js";

const KEY = "facedetect-api-key";

export class Problem extends Error {
  again = null; // what to do again, unless that is to look again

  constructor({ title, detail, status = 0, retryAfterS = null }) {
    super(title);
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

export const addressOf = (path) => new URL(path, document.baseURI).href;
export const savedKey = () => recall("sessionStorage", KEY);
export const saveKey = (key) => remember("sessionStorage", KEY, key);

// The faces in an image file: POST /detect.
export function detect(file, params, signal) {
  return post(`detect?${toQuery(Object.entries(params))}`, file, signal, readJson);
}

// The picture with its faces drawn or made unrecognisable: POST /annotate.
export function annotate(file, params, { style, format }, signal) {
  const pairs = Object.entries({ style, format, ...params });
  return post(`annotate?${toQuery(pairs)}`, file, signal, readImage);
}

export const version = () => ask("version", {}, readJson);

// A photograph to try the page with.
export const demonstration = () => ask("page/demonstration.jpg", {}, readImage);

function post(path, body, signal, read) {
  // The service looks at the bytes; the browser's guess at the type might only be wrong.
  const headers = { "Content-Type": "application/octet-stream" };
  return ask(path, { method: "POST", body, headers, signal }, read);
}

// Whoever ends a request by its signal gets a Problem, too, and looks at the signal first.
async function ask(path, options, read) {
  let response;
  try {
    const headers = { ...options.headers, ...keyHeader() };
    response = await fetch(addressOf(path), { ...options, headers });
  } catch {
    throw await whyNotSent(options.body);
  }
  if (!response.ok) throw await problemIn(response);
  try {
    return await read(response);
  } catch {
    const detail = "It broke off, or something on the way to the service answered in its place.";
    throw new Problem({ title: "The answer cannot be read", detail });
  }
}

const readJson = (response) => response.json();

async function readImage(response) {
  const blob = await response.blob();
  if (!blob.type.startsWith("image/")) throw new TypeError(blob.type);
  return blob;
}

function keyHeader() {
  const key = savedKey();
  return key ? { "X-API-Key": key } : {};
}

// A browser says no more than that it failed.
async function whyNotSent(file) {
  try {
    await file?.slice(0, 1).arrayBuffer();
  } catch {
    const detail = "It has changed, has moved, or is a folder. Choose it again.";
    return new Problem({ title: "The file cannot be read", detail });
  }
  const megabytes = file ? file.size / 2 ** 20 : 0;
  const tooLarge = megabytes > 8 ? ` The file has ${megabytes.toFixed(0)} MB and may be too large.` : "";
  const detail = `Check that it is running and that the network is there.${tooLarge}`;
  return new Problem({ title: "The service cannot be reached", detail });
}

async function problemIn(response) {
  const { status } = response;
  const retryAfterS = secondsUntil(response.headers.get("Retry-After"));
  try {
    const { title, detail } = await response.json();
    if (title) return new Problem({ title, detail, status, retryAfterS });
  } catch {
    // Not a problem of the service's own: a proxy answered.
  }
  const title = status === 413 ? "The image is too large" : "The service did not answer";
  const detail = `Something on the way to it answered with status ${status}.`;
  return new Problem({ title, detail, status, retryAfterS });
}

// Retry-After is a number of seconds or a date.
function secondsUntil(header) {
  if (!header) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : null;
}
