// Finds the faces in the chosen pictures that are not shown, one after the other. What is shown
// comes first: it is asked for by detector.js, and this waits meanwhile.

import { detect, OF_ONE_FILE, patiently } from "./api.js";

export function createQueue(state) {
  let controller = null;

  const isFresh = ({ results, params }, file) => results.get(file)?.params === params;
  const nextOf = (now) => now.files.find((file) => !isFresh(now, file) && file !== now.picture?.file);

  async function run(signal) {
    let file;
    while (!signal.aborted && (file = nextOf(state.get()))) {
      const result = await ask(file, state.get().params, signal);
      if (signal.aborted || !result) return;
      state.set({ results: new Map(state.get().results).set(file, result) });
    }
  }

  // Null, if asking for others makes no sense: without a key, or a network.
  async function ask(file, params, signal) {
    try {
      return { params, detection: await patiently(() => detect(file, params, signal), signal) };
    } catch (problem) {
      return OF_ONE_FILE.includes(problem.status) ? { params, problem } : null;
    }
  }

  state.onChange((now, before) => {
    const names = ["files", "params", "busy", "view", "detection", "problem"];
    if (names.every((name) => now[name] === before[name])) return;
    const isAnswered = now.detection !== null || OF_ONE_FILE.includes(now.problem?.status);
    const mayRun = now.view === "picture" && !now.busy && isAnswered;
    const isOutdated = now.files !== before.files || now.params !== before.params;
    if (!mayRun || isOutdated) { // the picture that is shown is asked for next
      controller?.abort();
      controller = null;
      return;
    }
    if (controller) return;
    const own = new AbortController();
    controller = own;
    run(own.signal).finally(() => { if (controller === own) controller = null; });
  });
}
