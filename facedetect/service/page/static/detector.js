// Detects the faces in the chosen picture. A new request aborts the previous one.

import { annotate, detect } from "./api.js";

export function createDetector(state) {
  let controller = new AbortController();
  let timer;
  let detected = {}; // the picture and parameters that state.detection belongs to

  function stop() {
    clearTimeout(timer);
    controller.abort();
    state.set({ busy: false });
  }

  // `afterMs` waits for a slider to stop moving.
  function run(afterMs = 0) {
    stop();
    controller = new AbortController();
    const { signal } = controller;
    state.set({ busy: true, problem: null });
    timer = setTimeout(() => request(signal), afterMs);
  }

  async function request(signal) {
    const { picture, params, style, detection } = state.get();
    try {
      if (!detection || detected.picture !== picture || detected.params !== params) {
        state.set({ detection: await detect(picture.file, params, signal), hovered: null, selected: null });
        detected = { picture, params };
      }
      if (style === "box" && picture.displayable) show(null);
      else show(await annotate(picture.file, params, { style, format: "png" }, signal));
      state.set({ busy: false });
    } catch (problem) {
      if (signal.aborted) return;
      detected = {};
      show(null);
      state.set({ busy: false, problem, detection: null });
    }
  }

  function show(blob) {
    const { rendered } = state.get();
    if (rendered) URL.revokeObjectURL(rendered.url);
    state.set({ rendered: blob && { url: URL.createObjectURL(blob) } });
  }

  // Called before another picture is shown.
  function clear() {
    stop();
    show(null);
  }

  return { run, stop, clear };
}
