// The list of faces, for the keyboard, for screen readers and for a closer look.
// It is a listbox: one tab stop, arrow keys within; the selected face is highlighted on the picture.

import { activeFace } from "./state.js";

const THUMBNAIL = 88; // twice its size on the page, for high-resolution screens
const MARGIN = 0.2;

export const counted = (count) => (count === 1 ? "1 face" : `${count || "No"} faces`);

function emptyText({ view, live, problem }) {
  if (problem) return "No result";
  return view === "camera" && !live ? "Live is off" : "Detecting …";
}

export const summary = (detection) => (detection ? counted(detection.faces.length) : "");

function createRow() {
  const row = document.createElement("li");
  const thumbnail = document.createElement("canvas");
  const text = document.createElement("span");
  const place = document.createElement("span");
  const score = document.createElement("span");
  row.setAttribute("role", "option");
  thumbnail.width = thumbnail.height = THUMBNAIL;
  thumbnail.setAttribute("aria-hidden", "true");
  place.className = "place";
  score.className = "score";
  text.append(document.createElement("strong"), place);
  row.append(thumbnail, text, score);
  return row;
}

function fillRow(row, face, index, count) {
  const { x_min, y_min, x_max, y_max } = face.box;
  const [width, height] = [Math.round(x_max - x_min), Math.round(y_max - y_min)];
  const score = face.confidence.toFixed(4);
  row.setAttribute("aria-posinset", index + 1);
  row.setAttribute("aria-setsize", count);
  row.setAttribute("aria-label", `Face ${index + 1}, score ${score}, ${width} by ${height} pixels`);
  row.querySelector("strong").textContent = `Face ${index + 1}`;
  row.querySelector(".place").textContent = `${width} × ${height} px`;
  row.querySelector(".score").textContent = score;
}

// A square around the face, cropped from the picture or video.
function drawThumbnail(canvas, source, { box }, image) {
  const context = canvas.getContext("2d");
  const scale = (source.videoWidth ?? source.naturalWidth) / image.width;
  const side = Math.max(box.x_max - box.x_min, box.y_max - box.y_min) * (1 + 2 * MARGIN);
  const left = (box.x_min + box.x_max - side) / 2;
  const top = (box.y_min + box.y_max - side) / 2;
  context.clearRect(0, 0, THUMBNAIL, THUMBNAIL);
  const from = [left, top, side, side].map((value) => value * scale);
  context.drawImage(source, ...from, 0, 0, THUMBNAIL, THUMBNAIL);
}

export function createFaceList({ list, count, timing, noFaces, shown, video }, state) {
  const rows = () => [...list.children];
  const indexOf = (event) => rows().indexOf(event.target.closest("li"));

  function choose(index) {
    const row = rows()[index];
    if (!row) return;
    state.set({ selected: index });
    row.focus();
  }

  list.addEventListener("keydown", (event) => {
    const last = list.children.length - 1;
    const at = indexOf(event);
    const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last };
    if (event.key === "Escape") state.set({ selected: null });
    if (!(event.key in to)) return;
    event.preventDefault();
    choose(to[event.key]);
  });
  list.addEventListener("focusin", (event) => state.set({ selected: indexOf(event) }));
  list.addEventListener("click", (event) => choose(indexOf(event)));
  list.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return; // fingers do not hover
    const index = indexOf(event);
    state.set({ hovered: index < 0 ? null : index });
  });
  list.addEventListener("pointerleave", () => state.set({ hovered: null }));
  shown.addEventListener("load", () => drawThumbnails(state.get()));

  // Rows are reused between results, so that the focus stays in place in live mode.
  function drawRows({ view, detection }) {
    const faces = detection?.faces ?? [];
    while (list.children.length > faces.length) list.lastChild.remove();
    while (list.children.length < faces.length) list.append(createRow());
    faces.forEach((face, index) => fillRow(list.children[index], face, index, faces.length));
    list.hidden = faces.length === 0;
    noFaces.hidden = view !== "picture" || detection === null || faces.length > 0;
    timing.textContent = detection ? `${Math.round(detection.timings_ms.total)} ms` : "";
  }

  function drawThumbnails({ view, detection }) {
    const source = view === "camera" ? video : shown;
    const isThere = view === "camera" ? video.videoWidth : shown.complete && shown.naturalWidth;
    if (!detection || !isThere) return;
    detection.faces.forEach((face, index) => {
      drawThumbnail(list.children[index].firstChild, source, face, detection.image);
    });
  }

  function drawCount(now) {
    const words = now.detection ? summary(now.detection) : emptyText(now);
    if (count.textContent !== words) count.textContent = words; // or screen readers would announce it again
  }

  // Scrolls the list only: `scrollIntoView` would move the page under the pointer.
  function reveal(row) {
    const [inner, outer] = [row, list].map((one) => one.getBoundingClientRect());
    if (inner.top < outer.top) list.scrollTop += inner.top - outer.top;
    if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
  }

  function drawChosen(now, before) {
    const active = activeFace(now);
    rows().forEach((row, index) => {
      row.classList.toggle("active", index === active);
      row.setAttribute("aria-selected", index === now.selected);
      row.tabIndex = index === (now.selected ?? 0) ? 0 : -1;
    });
    if (now.hovered !== null && now.hovered !== before.hovered) reveal(rows()[now.hovered]);
  }

  state.onChange((now, before) => {
    if (now.detection !== before.detection) {
      drawRows(now);
      drawThumbnails(now);
    }
    drawCount(now);
    drawChosen(now, before);
  });
}
