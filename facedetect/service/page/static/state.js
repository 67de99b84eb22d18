// The state of the page. `set` changes it, and every view then draws it.
//
//   view       "empty", "picture" or "camera"
//   picture    { file, name, url, displayable }: the chosen file; browsers cannot display every format
//   files      all files that were chosen together
//   results    by file, { params, detection } or { params, problem }: what the service last said of it
//   params     { preset, min_size, factor, ... }, as in the query of the service
//   style      how faces are shown: "box", "blur", "pixelate" or "solid"
//   detection  the response of /detect
//   rendered   { url } of the picture as rendered by the service, if that is shown
//   live       whether camera frames are sent
//   busy       whether a request is in progress
//   problem    why there is no result (api.js), or null
//   hovered, selected   faces, as indices into detection.faces, or null

export const initialState = {
  view: "empty",
  picture: null,
  files: [],
  results: new Map(),
  params: null,
  style: "box",
  detection: null,
  rendered: null,
  live: true,
  busy: false,
  problem: null,
  hovered: null,
  selected: null,
};

export function createState() {
  let current = initialState;
  const views = [];
  return {
    get: () => current,
    set(changes) {
      const before = current;
      current = { ...current, ...changes };
      for (const view of views) view(current, before);
    },
    onChange(view) {
      views.push(view);
    },
  };
}

// The face to highlight: the one under the pointer, or else the one selected in the list.
export const activeFace = (state) => state.hovered ?? state.selected;
