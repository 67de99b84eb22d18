// Assembles the page: one state, the views that draw it, and the actions that change it.

import { demonstration, version } from "./api.js";
import { Camera, cameraIsAllowed, hasCameraApp } from "./camera.js";
import { createDetector } from "./detector.js";
import { createDownloads } from "./download.js";
import { createFaceList, summary } from "./facelist.js";
import { createGallery } from "./gallery.js";
import { createLive } from "./live.js";
import { createNotices } from "./notices.js";
import { createOverlay } from "./overlay.js";
import { createParams } from "./params.js";
import { acceptPictures, openPicture } from "./picture_input.js";
import { createQueue } from "./queue.js";
import { createSnippets } from "./snippets.js";
import { createState } from "./state.js";

const SLIDER_DELAY_MS = 200;

const byId = (id) => document.getElementById(id);
const [shown, video, live] = ["shown", "video", "live"].map(byId);

const state = createState();
const detector = createDetector(state);
const camera = new Camera(video);
const liveDetector = createLive(camera, state, byId("pace"));

let chosen = null; // what was chosen last: a file, "demonstration", or null for the camera

function detectAgain(afterMs = 0) {
  const { view, live: isLive } = state.get();
  if (view === "picture") detector.run(afterMs);
  if (view === "camera" && isLive && camera.isShowing) liveDetector.start();
}

async function show(files, file = files[0]) {
  chosen = file;
  const picture = await openPicture(file);
  if (chosen !== file) {
    URL.revokeObjectURL(picture.url);
    return;
  }
  leaveCamera();
  detector.clear();
  const { picture: last, files: lastFiles, results: lastResults } = state.get();
  const results = files === lastFiles ? lastResults : new Map();
  state.set({ view: "picture", picture, files, results, detection: null, hovered: null, selected: null });
  if (last) URL.revokeObjectURL(last.url);
  detector.run();
}

async function openCamera(open = () => camera.open()) {
  if (!cameraIsAllowed()) {
    byId("capture").click(); // phones open their camera app for it
    return;
  }
  chosen = null;
  liveDetector.stop();
  try {
    if (!(await open())) return;
  } catch (problem) {
    if (state.get().view === "camera") closeCamera(); // the other camera is off already
    problem.again = () => openCamera(open);
    state.set({ problem });
    return;
  }
  detector.clear();
  state.set({ view: "camera", detection: null, problem: null, hovered: null, selected: null });
  byId("frame").classList.toggle("mirrored", camera.isMirrored);
  detectAgain();
  document.querySelector('[data-do="turn"]').hidden = !(await camera.hasOthers());
}

function leaveCamera() {
  liveDetector.stop();
  camera.close();
}

function closeCamera() {
  leaveCamera();
  state.set({ view: state.get().picture ? "picture" : "empty", detection: null, problem: null });
  if (state.get().picture) detector.run();
}

async function demonstrate() {
  chosen = "demonstration";
  try {
    const file = new File([await demonstration()], "demonstration.jpg", { type: "image/jpeg" });
    if (chosen === "demonstration") await show([file]);
  } catch (problem) {
    if (chosen !== "demonstration") return;
    problem.again = demonstrate;
    state.set({ problem });
  }
}

const actions = {
  pick: () => byId("file").click(),
  camera: () => openCamera(),
  turn: () => openCamera(() => camera.flip()),
  close: closeCamera,
  shoot: async () => camera.isShowing && show([await camera.frame()]),
  demonstrate,
};

// The picture to show. Faces that are to be hidden must not appear for a moment first, but an
// original that is already shown may stay.
function urlToShow({ picture, rendered, style, problem }) {
  if (rendered) return rendered.url;
  const isShown = !shown.hidden && shown.getAttribute("src") === picture?.url;
  return picture?.displayable && (style === "box" || (isShown && !problem)) ? picture.url : "";
}

function drawStage(now) {
  const { view, picture, detection, busy } = now;
  const url = urlToShow(now);
  const isPicture = view === "picture" && url !== "";
  document.body.dataset.view = view;
  byId("stage").setAttribute("aria-busy", busy);
  byId("frame").hidden = view === "picture" && !isPicture;
  byId("actions").hidden = view === "picture" && !isPicture && !busy;
  byId("no-preview").hidden = view !== "picture" || isPicture || busy;
  shown.hidden = !isPicture;
  video.hidden = view !== "camera";
  if (url && shown.getAttribute("src") !== url) shown.src = url;
  if (view !== "camera") byId("frame").classList.remove("mirrored");
  const name = view === "camera" ? "Camera" : picture?.name ?? "";
  byId("picture-name").textContent = name;
  byId("picture-name").title = name;
  shown.alt = [name, summary(detection).toLowerCase()].filter(Boolean).join(": ");
  const size = view === "picture" ? detection?.image : null;
  byId("picture-size").textContent = size ? `${size.width} × ${size.height}` : "";
}

// Keep the focus on the page when a focused control disappears.
function keepFocus(now, before) {
  if (now.view !== before.view && !document.activeElement?.checkVisibility()) byId("work").focus();
}

// After the first response: before it, the key may be missing, or the service unreachable.
async function drawVersion({ detection }) {
  const footer = byId("version");
  if (!detection || footer.dataset.asked) return;
  footer.dataset.asked = "yes";
  const answer = await version().catch(() => null);
  if (answer) footer.textContent = `facedetect ${answer.facedetect}, model ${detection.model.name} ${detection.model.version}`;
}

state.onChange(drawStage); // first: the others need a visible picture with a size
createOverlay({ overlay: byId("overlay"), tag: byId("tag"), frame: byId("frame"), shown, video }, state);
createFaceList({
  list: byId("faces"), count: byId("count"), timing: byId("timing"), noFaces: byId("no-faces"), shown, video,
}, state);
createNotices({
  notice: byId("notice"), dialog: byId("key-dialog"), form: byId("key-form"), about: byId("key-about"),
  cancel: byId("key-cancel"), work: byId("work"),
}, state, { again: detectAgain, pick: actions.pick });
createDownloads({
  buttons: document.querySelectorAll("[data-download]"), all: byId("download-all"), allText: byId("download-all-text"),
}, state);
createGallery({ gallery: byId("gallery"), tiles: byId("tiles"), count: byId("gallery-count") }, state, (file) =>
  show(state.get().files, file));
createQueue(state);
state.onChange(keepFocus);
state.onChange(drawVersion);
createParams({ form: byId("params"), about: byId("preset-about"), reset: byId("reset") }, state, () => {
  if (state.get().view === "picture") detectAgain(SLIDER_DELAY_MS); // live, the next frame uses them
});
createSnippets({
  languages: byId("languages"), snippet: byId("snippet"), button: byId("copy"), buttonText: byId("copy-text"),
}, state);

acceptPictures({ file: byId("file"), capture: byId("capture") }, show);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) actions[button.dataset.do]();
});
byId("styles").addEventListener("change", (event) => {
  state.set({ style: event.target.value });
  detectAgain();
});
live.addEventListener("change", () => {
  liveDetector.stop();
  state.set({ live: live.checked, detection: null, problem: null });
  detectAgain();
});
state.set({ live: live.checked }); // browsers may restore the switch of the last visit
for (const button of document.querySelectorAll('[data-do="camera"]')) {
  button.hidden = !cameraIsAllowed() && !hasCameraApp();
}

