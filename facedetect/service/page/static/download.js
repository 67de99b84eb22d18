// Downloads the picture as shown, rendered by the service in full size; or all of them as a ZIP.

import { annotate, detect, OF_ONE_FILE, patiently } from "./api.js";
import { resultName, save } from "./names.js";
import { zip } from "./zip.js";

async function saveOne({ picture, params, style }, format) {
  save(await annotate(picture.file, params, { style, format }), resultName(picture.name, style, format));
}

// A file's picture and faces; or, in their place, what the service says of a file that it refuses.
async function render(file, { params, style, results }) {
  const name = file.name;
  try {
    const known = results.get(file);
    const detection = known?.params === params && known.detection
      ? known.detection : await patiently(() => detect(file, params));
    const data = await patiently(() => annotate(file, params, { style, format: "jpeg" }));
    return { row: { name, ...detection }, entry: { name: resultName(name, style, "jpeg"), data } };
  } catch (problem) {
    if (!OF_ONE_FILE.includes(problem.status)) throw problem;
    return { row: { name, problem: problem.detail }, entry: null };
  }
}

async function saveAll(now, onProgress) {
  const [rows, entries] = [[], []];
  for (const [index, file] of now.files.entries()) {
    onProgress(index + 1, now.files.length);
    const { row, entry } = await render(file, now);
    rows.push(row);
    if (entry) entries.push(entry);
  }
  const json = new Blob([JSON.stringify(rows, null, 1), "\n"]);
  save(await zip([...entries, { name: "faces.json", data: json }]), "faces.zip");
}

export function createDownloads({ buttons, all, allText }, state) {
  async function run(button, download) {
    button.disabled = true;
    state.set({ problem: null });
    try {
      await download(state.get());
    } catch (problem) {
      problem.again = () => run(button, download);
      state.set({ problem });
    }
    button.disabled = button !== all && state.get().detection === null;
    // A disabled button loses the focus; restore it unless it has moved elsewhere since.
    if (document.activeElement === document.body) button.focus();
  }

  async function downloadAll(now) {
    try {
      await saveAll(now, (number, count) => { allText.textContent = `${number} of ${count}`; });
    } finally {
      allText.textContent = "All as ZIP";
    }
  }

  for (const button of buttons) {
    button.addEventListener("click", () => run(button, (now) => saveOne(now, button.dataset.download)));
  }
  all.addEventListener("click", () => run(all, downloadAll));
  state.onChange((now, before) => {
    all.hidden = now.files.length < 2;
    if (now.detection === before.detection) return;
    for (const button of buttons) button.disabled = now.detection === null;
  });
}
