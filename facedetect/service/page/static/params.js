// The detection parameters: from the preset, the switch and the sliders to the query of a request.
// Bounds are in the HTML, presets here; a test compares both with those of the service.

const THRESHOLDS = ["proposal", "refinement", "output"];
const USUAL = { min_size: 20, factor: 0.709, thresholds: [0.6, 0.7, 0.7], min_confidence: 0, rotations: "0" };

export const PRESETS = {
  "few-misses": { ...USUAL, min_size: 12, thresholds: [0.5, 0.5, 0.3], rotations: "auto" },
  balanced: USUAL,
  "few-false-alarms": { ...USUAL, min_confidence: 0.9 },
};

const ABOUT = {
  "few-misses": "Made for hiding faces: finds the most, and takes about five times as long.",
  balanced: "Few misses, few false alarms, and the fastest.",
  "few-false-alarms": "Only faces that are certain.",
};

function read(form) {
  const value = (name) => Number(form.elements[name].value);
  return {
    preset: form.elements.preset.value,
    min_size: value("min_size"),
    factor: value("factor"),
    thresholds: THRESHOLDS.map(value),
    min_confidence: value("min_confidence"),
    rotations: form.elements.turned.checked ? "auto" : "0",
  };
}

// Sets the sliders and the switch to what the chosen preset does.
function applyPreset(form) {
  const { min_size, factor, thresholds, min_confidence, rotations } = PRESETS[form.elements.preset.value];
  const values = { min_size, factor, min_confidence };
  THRESHOLDS.forEach((name, index) => { values[name] = thresholds[index]; });
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.elements.turned.checked = rotations === "auto";
}

// The parameters that differ from those of the preset, as [name, value] pairs.
const changes = ({ preset, ...params }) =>
  Object.entries(params).filter(([name, value]) => String(value) !== String(PRESETS[preset][name]));

// What a request needs beside the defaults of the service.
export const changedParams = (params) =>
  [...(params.preset === "balanced" ? [] : [["preset", params.preset]]), ...changes(params)];

// The same with the preset, whichever it is.
export const toPairs = (params) => [["preset", params.preset], ...changes(params)];

// Commas need no escape in a query.
export const toQuery = (pairs) => pairs.map(([name, value]) => `${name}=${value}`).join("&");

export function createParams({ form, about, reset }, state, onInput) {
  function draw() {
    for (const input of form.querySelectorAll("input[type=range]")) {
      const decimals = input.step.split(".")[1]?.length ?? 0;
      const text = Number(input.value).toFixed(decimals) + (input.dataset.unit ?? "");
      form.querySelector(`output[for="${input.id}"]`).value = text;
      input.setAttribute("aria-valuetext", text);
    }
    const { params } = state.get();
    about.textContent = ABOUT[params.preset];
    reset.disabled = changes(params).length === 0;
  }

  function change() {
    state.set({ params: read(form) });
    draw();
    onInput();
  }

  form.addEventListener("input", (event) => {
    if (event.target.name === "preset") applyPreset(form);
    change();
  });
  form.addEventListener("submit", (event) => event.preventDefault()); // the Enter key
  reset.addEventListener("click", () => {
    applyPreset(form);
    change();
    form.querySelector(":checked").focus(); // the button is disabled now and cannot keep the focus
  });
  state.set({ params: read(form) }); // browsers may restore the form of the last visit
  draw();
}
