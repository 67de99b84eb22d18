// The filter and the arrow keys. Without this script, the pages still show everything.

const filter = document.getElementById("filter");
const nothing = document.getElementById("nothing");
const folders = [...document.querySelectorAll(".folder")];
const tiles = [...document.querySelectorAll(".tile")];

function fillFilter() {
  for (const choice of filter.elements.show) {
    const count = tiles.filter((tile) => !choice.value || tile.classList.contains(choice.value)).length;
    choice.parentElement.querySelector("small").textContent = count;
  }
  const names = new Set(folders.map(nameOf));
  for (const name of names) filter.elements.folder.add(new Option(name, name));
  filter.elements.folder.hidden = names.size < 2;
  filter.hidden = tiles.length === 0;
}

function nameOf(folder) {
  return folder.querySelector(".folder-name").textContent;
}

function applyFilter() {
  const show = filter.elements.show.value;
  const wanted = filter.elements.folder.value;
  for (const tile of tiles) tile.hidden = show !== "" && !tile.classList.contains(show);
  for (const folder of folders) {
    folder.hidden = (wanted !== "" && nameOf(folder) !== wanted) || !folder.querySelector(".tile:not([hidden])");
  }
  const none = tiles.length > 0 && folders.every((folder) => folder.hidden);
  nothing.textContent = none ? "No files on this page match the filter." : "";
  keepChoice(show);
}

// The choice is kept in the links' addresses, so that the next page shows the same kind: a page
// opened from a disk has no other storage.
function keepChoice(show) {
  for (const link of document.querySelectorAll(".pages a")) link.search = show && `show=${show}`;
}

function showTarget() {
  const tile = document.getElementById(location.hash.slice(1));
  if (tile?.hidden || tile?.closest("[hidden]")) {
    filter.reset();
    applyFilter();
    tile.scrollIntoView();
  }
}

document.addEventListener("keydown", (event) => {
  const direction = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const busy = event.target.closest("input, select, summary") || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
  if (direction && !busy) document.querySelector(`.pages a[rel=${direction}]`)?.click();
});

fillFilter();
filter.elements.show.value = new URLSearchParams(location.search).get("show") ?? "";
if (!filter.elements.show.value) filter.elements.show.value = "";
filter.addEventListener("change", applyFilter);
addEventListener("hashchange", showTarget);
applyFilter();
showTarget();
