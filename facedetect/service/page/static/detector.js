// Detects the faces in the chosen picture. A new request aborts the previous one.

import { annotate, detect } from "./api.js";

export function createDetector(state) {
  let controller = new AbortController();
  let timer;

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
    const { picture, params, style } = state.get();
    try {
      const { results, detection } = state.get();
      const known = results.get(picture.file);
      if (known?.params !== params || !known.detection) {
        keep(picture.file, { params, detection: await detect(picture.file, params, signal) });
      } else if (detection !== known.detection) {
        keep(picture.file, known);
      }
      if (style === "box" && picture.displayable) show(null);
      else show(await annotate(picture.file, params, { style, format: "png" }, signal));
      state.set({ busy: false });
    } catch (problem) {
      if (signal.aborted) return;
      show(null);
      const results = new Map(state.get().results).set(picture.file, { params, problem });
      state.set({ busy: false, problem, detection: null, results });
    }
  }

  function keep(file, result) {
    const results = new Map(state.get().results).set(file, result);
    state.set({ results, detection: result.detection, hovered: null, selected: null });
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
