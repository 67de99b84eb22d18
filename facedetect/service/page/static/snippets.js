// The last request as code to copy: curl, Python and JavaScript.

import { addressOf, savedKey } from "./api.js";
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

function curl({ name, pairs }) {
  const query = toQuery(pairs);
  const address = addressOf(query ? `detect?${query}` : "detect");
  const key = savedKey() ? ` -H "X-API-Key: $${KEY_VARIABLE}"` : "";
  return `curl${key} -F ${curlPart(name)} ${shellWord(address)}`;
}

function python({ name, pairs }) {
  const asPython = (value) => (Array.isArray(value) ? `(${value.join(", ")})` : value);
  const options = pairs.map(([key, value]) => `, ${key}=${asPython(value)}`).join("");
  const service = JSON.stringify(addressOf("").replace(/\/$/, ""));
  const key = savedKey() ? `, api_key=os.environ["${KEY_VARIABLE}"]` : "";
  return `${key ? "import os\n\n" : ""}from facedetect import Client

with Client(${service}${key}) as client:
    for face in client.detect(${JSON.stringify(name)}${options}).faces:
        print(face.box, face.confidence)`;
}

function javascript({ pairs }) {
  const query = toQuery(pairs);
  const address = JSON.stringify(addressOf(query ? `detect?${query}` : "detect"));
  const key = savedKey() ? '\n  headers: { "X-API-Key": apiKey },' : "";
  return `const form = new FormData();
form.append("image", file); // such as document.querySelector("input[type=file]").files[0]
const response = await fetch(${address}, {
  method: "POST",${key}
  body: form,
});
const result = await response.json();
if (!response.ok) throw new Error(result.detail);
for (const face of result.faces) console.log(face.box, face.confidence);`;
}

const LANGUAGES = { curl, python, javascript };

// Without HTTPS, browsers only let pages copy the selection.
async function copy(element) {
  if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}

export function createSnippets({ languages, snippet, button, buttonText }, state, defaults) {
  let timer;

  function draw({ view, picture, params }) {
    const language = languages.querySelector(":checked").value;
    const name = (view === "picture" && picture?.file.name) || "photo.jpg";
    snippet.textContent = LANGUAGES[language]({ name, pairs: changedParams(params, defaults) });
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
    const names = ["view", "picture", "params", "detection"];
    if (names.some((name) => now[name] !== before[name])) draw(now);
  });
}
