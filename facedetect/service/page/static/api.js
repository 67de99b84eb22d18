// The service's HTTP calls. Whatever is not an answer becomes a Problem with words for people.

import { toQuery } from "./params.js";
import { recall, remember } from "./remembered.js";

const KEY = "facedetect-api-key";

export class Problem extends Error {
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
export async function detect(file, params, signal) {
  const response = await post(`detect?${toQuery(Object.entries(params))}`, file, signal);
  return response.json();
}

// The picture with its faces drawn or made unrecognisable: POST /annotate.
export async function annotate(file, params, { style, format }, signal) {
  const pairs = Object.entries({ style, format, ...params });
  const response = await post(`annotate?${toQuery(pairs)}`, file, signal);
  return response.blob();
}

export async function version() {
  const response = await fetch(addressOf("version"), { headers: keyHeader() });
  return response.ok ? response.json() : null;
}

async function post(path, file, signal) {
  // The service looks at the bytes; the browser's guess at the type might only be wrong.
  const headers = { "Content-Type": "application/octet-stream", ...keyHeader() };
  let response;
  try {
    response = await fetch(addressOf(path), { method: "POST", body: file, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw await whyNotSent(file);
  }
  if (!response.ok) throw await problemIn(response);
  return response;
}

function keyHeader() {
  const key = savedKey();
  return key ? { "X-API-Key": key } : {};
}

// A browser says no more than that it failed.
async function whyNotSent(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    const detail = "It has changed, has moved, or is a folder. Choose it again.";
    return new Problem({ title: "The file cannot be read", detail });
  }
  const megabytes = file.size / 2 ** 20;
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
