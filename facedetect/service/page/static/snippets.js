// What the page does as code to copy: curl, Python and JavaScript, and the answer as JSON.

import { addressOf, savedKey } from "./api.js";
import { stem, STYLE_SUFFIXES } from "./names.js";
import { changedParams, toQuery } from "./params.js";

const KEY_VARIABLE = "FACEDETECT_API_KEY"; // so that the key itself is not copied around

const quoteForShell = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const shellWord = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : quoteForShell(text));

// curl itself splits names at commas and semicolons, unless they are quoted for it as well.
function curlPart(name) {
  const isPlain = /^[^",;\\]+$/.test(name);
  const escaped = name.replace(/["\\]/g, String.raw`\$&`);
  return shellWord(`image=@${isPlain ? name : `"${escaped}"`}`);
}

function address({ path, pairs }) {
  const query = toQuery(pairs);
  return addressOf(query ? `${path}?${query}` : path);
}

function curl(call) {
  const key = savedKey() ? ` -H "X-API-Key: $${KEY_VARIABLE}"` : "";
  const out = call.out ? ` -o ${shellWord(call.out)}` : "";
  return `curl${key} -F ${curlPart(call.name)} ${shellWord(address(call))}${out}`;
}

function pythonValue(name, value) {
  if (Array.isArray(value)) return `(${value.join(", ")})`;
  if (name === "rotations" && value !== "auto") return `(${value},)`;
  return typeof value === "string" ? JSON.stringify(value) : value;
}

function python({ path, name, pairs, out }) {
  const options = pairs.map(([key, value]) => `, ${key}=${pythonValue(key, value)}`).join("");
  const service = JSON.stringify(addressOf("").replace(/\/$/, ""));
  const key = savedKey() ? `, api_key=os.environ["${KEY_VARIABLE}"]` : "";
  const call = `client.${path}(${JSON.stringify(name)}${options})`;
  const use = out
    ? `picture = ${call}
    Path(${JSON.stringify(out)}).write_bytes(picture)`
    : `for face in ${call}.faces:
        print(face.box, face.confidence)`;
  const imports = `${key ? "import os\n" : ""}${out ? "from pathlib import Path\n" : ""}`;
  return `${imports ? `${imports}\n` : ""}from facedetect import Client

with Client(${service}${key}) as client:
    ${use}`;
}

function javascript(call) {
  const key = savedKey() ? '\n  headers: { "X-API-Key": apiKey },' : "";
  const use = call.out
    ? `if (!response.ok) throw new Error((await response.json()).detail);
const picture = URL.createObjectURL(await response.blob()); // for an <img>`
    : `const result = await response.json();
if (!response.ok) throw new Error(result.detail);
for (const face of result.faces) console.log(face.box, face.confidence);`;
  return `const form = new FormData();
form.append("image", file); // such as document.querySelector("input[type=file]").files[0]
const response = await fetch(${JSON.stringify(address(call))}, {
  method: "POST",${key}
  body: form,
});
${use}`;
}

const json = (_, { detection }) => (detection ? JSON.stringify(detection, null, 2) : "");

const LANGUAGES = { curl, python, javascript, json };

// What the page shows as a call: faces are found by /detect, and hidden by /annotate.
function callOf({ view, picture, params, style }) {
  const name = (view === "picture" && picture?.file.name) || "photo.jpg";
  const pairs = changedParams(params);
  if (view !== "picture" || style === "box") return { path: "detect", name, pairs, out: null };
  const out = `${stem(name)}-${STYLE_SUFFIXES[style]}.png`;
  return { path: "annotate", name, pairs: [["style", style], ...pairs], out };
}

// Without HTTPS, browsers only let pages copy the selection.
async function copy(element) {
  if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}

export function createSnippets({ languages, snippet, button, buttonText }, state) {
  let timer;

  function draw(now) {
    const language = languages.querySelector(":checked").value;
    snippet.textContent = LANGUAGES[language](callOf(now), now);
  }

  languages.addEventListener("change", () => draw(state.get()));
  button.addEventListener("click", async () => {
    await copy(snippet);
    buttonText.textContent = "Copied";
    clearTimeout(timer);
    timer = setTimeout(() => { buttonText.textContent = "Copy"; }, 2000);
  });
  state.onChange((now, before) => {
    // The first result may come with a new key.
    const names = ["view", "picture", "params", "style", "detection"];
    if (names.some((name) => now[name] !== before[name])) draw(now);
  });
}
