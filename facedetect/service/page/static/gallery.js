// The pictures that were chosen together, as radio buttons: which one is shown, and what was found
// in each.

import { counted } from "./facelist.js";

const [WIDTH, HEIGHT] = [208, 144]; // twice its size on the page, for high-resolution screens

function createTile(file) {
  const tile = document.createElement("label");
  const [radio, canvas, found, name] = ["input", "canvas", "strong", "span"].map((tag) => document.createElement(tag));
  radio.type = "radio";
  radio.name = "picture";
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  canvas.setAttribute("aria-hidden", "true");
  found.className = "tile-found";
  name.className = "tile-name";
  name.textContent = file.name;
  tile.className = "tile";
  tile.title = file.name;
  tile.append(radio, canvas, found, name);
  return tile;
}

// Nothing is drawn of files that the browser cannot display.
async function drawThumbnail(canvas, file) {
  const picture = await createImageBitmap(file, { resizeWidth: 2 * WIDTH, resizeQuality: "medium" }).catch(() => null);
  if (!picture) return;
  const scale = Math.max(WIDTH / picture.width, HEIGHT / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const top = (HEIGHT - height) / 4; // heads are in the upper half
  canvas.getContext("2d").drawImage(picture, (WIDTH - width) / 2, top, width, height);
  picture.close();
}

function textOf({ results, params, picture, busy }, file) {
  const result = results.get(file);
  if (file === picture.file && busy) return "Searching …";
  if (result?.params !== params) return "Waiting";
  return result.problem ? "Not read" : counted(result.detection.faces.length);
}

function summaryOf({ files, results, params }) {
  const fresh = files.map((file) => results.get(file)).filter((result) => result?.params === params);
  const faces = fresh.reduce((sum, { detection }) => sum + (detection?.faces.length ?? 0), 0);
  const done = fresh.length < files.length ? `${fresh.length} of ${files.length}` : files.length;
  return `${done} pictures, ${counted(faces).toLowerCase()}`;
}

export function createGallery({ gallery, tiles, count }, state, onSelect) {
  let files = [];

  tiles.addEventListener("change", (event) => onSelect(files[[...tiles.children].indexOf(event.target.parentElement)]));

  // One at a time: a picture takes much memory while it is decoded.
  async function drawThumbnails(drawn) {
    for (const [index, file] of drawn.entries()) {
      if (files !== drawn) return;
      await drawThumbnail(tiles.children[index].querySelector("canvas"), file);
    }
  }

  function createTiles() {
    tiles.replaceChildren(...(files.length > 1 ? files.map(createTile) : []));
    if (files.length > 1) drawThumbnails(files);
  }

  function drawTile(tile, file, now) {
    const found = tile.querySelector("strong");
    const text = textOf(now, file);
    if (found.textContent !== text) found.textContent = text;
    tile.querySelector("input").checked = file === now.picture.file;
    tile.title = now.results.get(file)?.problem?.detail ?? file.name;
  }

  state.onChange((now) => {
    if (now.files !== files) {
      files = now.files;
      createTiles();
    }
    gallery.hidden = now.view !== "picture" || files.length < 2;
    if (gallery.hidden) return;
    tiles.classList.toggle("hiding", now.style !== "box");
    [...tiles.children].forEach((tile, index) => drawTile(tile, files[index], now));
    const words = summaryOf(now);
    if (count.textContent !== words) count.textContent = words;
  });
}
