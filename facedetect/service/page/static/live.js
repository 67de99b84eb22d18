// Looks at the camera's frames one after the other: the next is sent when the last is answered, so
// there is never more than one request under way, and a slow service is asked less often. A fast one
// is asked ten times a second at most: it has others to answer, too.

import { detect } from "./api.js";

const LONGEST_SIDE = 720;
const SHORTEST_MS = 100;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const visible = () => new Promise((resolve) => {
  if (!document.hidden) resolve();
  else document.addEventListener("visibilitychange", resolve, { once: true });
});

const painted = () => new Promise((resolve) => requestAnimationFrame(resolve));

export function createLive(camera, state, pace) {
  let controller = null;

  function stop() {
    controller?.abort();
    controller = null;
    pace.textContent = "";
  }

  function start() {
    stop();
    controller = new AbortController();
    state.set({ problem: null });
    run(controller.signal);
  }

  async function run(signal) {
    try {
      while (!signal.aborted) await lookOnce(signal);
    } catch (problem) {
      if (signal.aborted) return;
      stop();
      state.set({ problem, detection: null });
    }
  }

  async function lookOnce(signal) {
    await visible();
    await painted();
    if (signal.aborted) return; // the camera may be closed
    const started = performance.now();
    const frame = await camera.frame(LONGEST_SIDE);
    const detection = await detect(frame, state.get().params, signal);
    if (signal.aborted) return;
    const { selected } = state.get();
    state.set({ detection, selected: selected < detection.faces.length ? selected : null });
    await pause(SHORTEST_MS - (performance.now() - started));
    if (signal.aborted) return;
    pace.textContent = `${(1000 / (performance.now() - started)).toFixed(0)} a second`;
  }

  return { start, stop };
}
