// Downloads the picture as shown, rendered by the service in full size.

import { annotate } from "./api.js";

const SUFFIXES = { png: ".png", jpeg: ".jpg" };
const STYLE_SUFFIXES = { box: "faces", blur: "blurred", pixelate: "pixelated", solid: "covered" };

const stem = (name) => name.replace(/\.[^.]*$/, "");

async function save({ picture, params, style }, format) {
  const url = URL.createObjectURL(await annotate(picture.file, params, { style, format }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${stem(picture.name)}-${STYLE_SUFFIXES[style]}${SUFFIXES[format]}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it after the click
}

export function createDownloads(buttons, state) {
  async function download(button) {
    button.disabled = true;
    state.set({ problem: null });
    try {
      await save(state.get(), button.dataset.download);
    } catch (problem) {
      problem.again = () => download(button);
      state.set({ problem });
    }
    button.disabled = state.get().detection === null;
    // A disabled button loses the focus; restore it unless it has moved elsewhere since.
    if (document.activeElement === document.body) button.focus();
  }

  for (const button of buttons) button.addEventListener("click", () => download(button));
  state.onChange((now, before) => {
    if (now.detection === before.detection) return;
    for (const button of buttons) button.disabled = now.detection === null;
  });
}
