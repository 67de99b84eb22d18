// Has the service look at the chosen picture. A newer wish ends the request of an older one.

import { annotate, detect } from "./api.js";

export function createLooker(state) {
  let controller = new AbortController();
  let timer;
  let lookedAt = {}; // which picture and parameters state.detection answers

  function stop() {
    clearTimeout(timer);
    controller.abort();
    state.set({ busy: false });
  }

  // `afterMs` lets a slider come to rest.
  function look(afterMs = 0) {
    stop();
    controller = new AbortController();
    const { signal } = controller;
    state.set({ busy: true, problem: null });
    timer = setTimeout(() => run(signal), afterMs);
  }

  async function run(signal) {
    const { picture, params, style, detection } = state.get();
    try {
      if (!detection || lookedAt.picture !== picture || lookedAt.params !== params) {
        state.set({ detection: await detect(picture.file, params, signal), hovered: null, selected: null });
        lookedAt = { picture, params };
      }
      if (style === "box" && picture.displayable) show(null);
      else show(await annotate(picture.file, params, { style, format: "png" }, signal));
      state.set({ busy: false });
    } catch (problem) {
      if (signal.aborted) return;
      lookedAt = {};
      show(null);
      state.set({ busy: false, problem, detection: null });
    }
  }

  function show(blob) {
    const { made } = state.get();
    if (made) URL.revokeObjectURL(made.url);
    state.set({ made: blob && { url: URL.createObjectURL(blob) } });
  }

  // Before another picture.
  function clear() {
    stop();
    show(null);
  }

  return { look, stop, clear };
}
