// Sends one camera frame at a time: the next only after the response to the last, so that a slow
// service gets fewer. At most ten frames a second are sent, to leave capacity for other clients.

import { detect } from "./api.js";

const LONGEST_SIDE = 720;
const MIN_INTERVAL_MS = 100;

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
      while (!signal.aborted) await detectFrame(signal);
    } catch (problem) {
      if (signal.aborted) return;
      stop();
      state.set({ problem, detection: null });
    }
  }

  async function detectFrame(signal) {
    await visible();
    await painted();
    if (signal.aborted) return; // the camera may have been closed
    const started = performance.now();
    const frame = await camera.frame(LONGEST_SIDE);
    const detection = await detect(frame, state.get().params, signal);
    if (signal.aborted) return;
    const { selected } = state.get();
    state.set({ detection, selected: selected < detection.faces.length ? selected : null });
    await pause(MIN_INTERVAL_MS - (performance.now() - started));
    if (signal.aborted) return;
    pace.textContent = `${(1000 / (performance.now() - started)).toFixed(0)} a second`;
  }

  return { start, stop };
}
