// Requests to the service. Every failure becomes a Problem with a text to show.

import { toPairs, toQuery } from "./params.js";
import { recall, remember } from "./storage.js";

const KEY = "facedetect-api-key";

const TRIES = 5;

// The statuses of what is wrong with a file or the parameters, and not with the service.
export const OF_ONE_FILE = [400, 413, 415, 422];

export class Problem extends Error {
  again = null; // what to retry, unless it is the detection

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
  return post(`detect?${toQuery(toPairs(params))}`, file, signal, readJson);
}

// The picture with its faces drawn or hidden: POST /annotate.
export function annotate(file, params, { style, format }, signal) {
  const pairs = [...Object.entries({ style, format }), ...toPairs(params)];
  return post(`annotate?${toQuery(pairs)}`, file, signal, readImage);
}

// Asks again when the service asks to wait.
export async function patiently(ask, signal = null) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (problem) {
      if (!problem.retryAfterS || tries === TRIES || signal?.aborted) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 1000 * problem.retryAfterS));
    }
  }
}

export const version = () => ask("version", {}, readJson);

// A photograph to try the page with.
export const demonstration = () => ask("page/demonstration.jpg", {}, readImage);

function post(path, body, signal, read) {
  // The service detects the type from the bytes; the browser's guess may be wrong.
  const headers = { "Content-Type": "application/octet-stream" };
  return ask(path, { method: "POST", body, headers, signal }, read);
}

// A request aborted by its signal throws a Problem, too: callers check the signal first.
async function ask(path, options, read) {
  let response;
  try {
    const headers = { ...options.headers, ...keyHeader() };
    response = await fetch(addressOf(path), { ...options, headers });
  } catch {
    throw await explainNotSent(options.body);
  }
  if (!response.ok) throw await readProblem(response);
  try {
    return await read(response);
  } catch {
    const detail = "It was cut off, or a proxy answered instead of the service.";
    throw new Problem({ title: "The response cannot be read", detail });
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

// A browser reports only that the request failed.
async function explainNotSent(file) {
  try {
    await file?.slice(0, 1).arrayBuffer();
  } catch {
    const detail = "It has been changed or moved, or is a folder. Choose it again.";
    return new Problem({ title: "The file cannot be read", detail });
  }
  const megabytes = file ? file.size / 2 ** 20 : 0;
  const tooLarge = megabytes > 8 ? ` The file is ${megabytes.toFixed(0)} MB and may be too large.` : "";
  const detail = `Check that it is running and that you are online.${tooLarge}`;
  return new Problem({ title: "The service cannot be reached", detail });
}

async function readProblem(response) {
  const { status } = response;
  const retryAfterS = secondsUntil(response.headers.get("Retry-After"));
  try {
    const { title, detail } = await response.json();
    if (title) return new Problem({ title, detail, status, retryAfterS });
  } catch {
    // Not a problem from the service: a proxy answered.
  }
  const title = status === 413 ? "Image too large" : "The service did not answer";
  const detail = `A proxy answered with status ${status}.`;
  return new Problem({ title, detail, status, retryAfterS });
}

// Retry-After is a number of seconds or a date.
function secondsUntil(header) {
  if (!header) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : null;
}
