// Draws the faces over the picture, in pixels of the upright image; the SVG scales them.

import { activeFace } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";
const [TAG_WIDTH, TAG_HEIGHT] = [72, 36]; // size on screen including the gap to the face, px

function shape(name, className, attributes) {
  const element = document.createElementNS(SVG, name);
  element.setAttribute("class", className);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function drawFace({ box, landmarks }) {
  const rectangle = {
    x: box.x_min, y: box.y_min, width: box.x_max - box.x_min, height: box.y_max - box.y_min,
  };
  // Zero-length lines: their round caps are points of constant size on screen.
  const points = { d: Object.values(landmarks).map(({ x, y }) => `M${x} ${y}h0`).join("") };
  const group = shape("g", "face", {});
  group.append(
    shape("rect", "area", rectangle),
    shape("rect", "halo", rectangle),
    shape("rect", "line", rectangle),
    shape("path", "point-halo", points),
    shape("path", "point", points),
  );
  return group;
}

// The score, as HTML above the face, so that it is readable at any picture size.
function placeTag(tag, detection, index, frame) {
  const face = detection?.faces[index];
  tag.hidden = !face;
  if (!face) return;
  const { width, height } = detection.image;
  const { x_min, x_max, y_min, y_max } = face.box;
  const isBelow = (y_min / height) * frame.clientHeight < TAG_HEIGHT;
  const margin = TAG_WIDTH / 2 / frame.clientWidth;
  const centre = Math.min(Math.max((x_min + x_max) / 2 / width, margin), 1 - margin);
  tag.textContent = face.confidence.toFixed(4);
  tag.classList.toggle("below", isBelow);
  tag.style.left = `${100 * centre}%`;
  tag.style.top = `${(100 * (isBelow ? y_max : y_min)) / height}%`;
}

export function createOverlay({ overlay, tag, frame, shown, video }, state) {
  const indexOf = (event) => {
    const index = [...overlay.children].indexOf(event.target.closest(".face"));
    return index < 0 ? null : index;
  };
  overlay.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "touch") state.set({ hovered: indexOf(event) }); // fingers do not hover
  });
  overlay.addEventListener("pointerleave", () => state.set({ hovered: null }));
  overlay.addEventListener("click", (event) => state.set({ selected: indexOf(event) }));
  // Until the service reports the size. A phone's camera changes it when the phone is rotated.
  shown.addEventListener("load", () => {
    if (!state.get().detection) setSize(shown.naturalWidth, shown.naturalHeight);
  });
  video.addEventListener("resize", () => setSize(video.videoWidth, video.videoHeight));

  function setSize(width, height) {
    frame.style.setProperty("--width", width);
    frame.style.setProperty("--height", height);
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }

  function drawFaces(detection) {
    // The largest first: smaller faces on top of them stay reachable for the pointer.
    overlay.replaceChildren(...(detection?.faces ?? []).map(drawFace));
    if (detection) setSize(detection.image.width, detection.image.height);
  }

  state.onChange((now, before) => {
    if (now.detection !== before.detection) drawFaces(now.detection);
    const active = activeFace(now);
    overlay.classList.toggle("rendered", now.rendered !== null);
    overlay.classList.toggle("has-active", active !== null && now.detection !== null);
    [...overlay.children].forEach((face, index) => face.classList.toggle("active", index === active));
    placeTag(tag, now.detection, active, frame);
  });
}
