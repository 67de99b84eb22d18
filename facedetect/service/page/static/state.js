// The page's one state. Whoever changes it calls `set`; every view then draws what it now holds.
//
//   view       "empty", "picture" or "camera"
//   picture    { file, name, url, displayable }: what was chosen; a browser cannot display every file
//   params     { min_size, factor, thresholds }, as the service takes them
//   style      how faces are shown: "box", "blur", "pixelate" or "solid"
//   detection  the service's answer to /detect
//   made       { url } of the picture as the service made it, where that is shown
//   live       whether the camera's frames are looked at
//   busy       whether a request is under way
//   problem    why there is no answer (api.js), or null
//   hovered, selected   faces, as indices into detection.faces, or null

export const initialState = {
  view: "empty",
  picture: null,
  params: null,
  style: "box",
  detection: null,
  made: null,
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

// The face to point out: under the pointer, or else the one chosen in the list.
export const activeFace = (state) => state.hovered ?? state.selected;
