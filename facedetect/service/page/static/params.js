// The detection parameters: from the sliders to a request's query.
// Bounds and defaults stand in the HTML, where a test compares them with the service's own.

const THRESHOLDS = ["proposal", "refinement", "output"];

function read(form, property) {
  const value = (name) => Number(form.elements[name][property]);
  return {
    min_size: value("min_size"),
    factor: value("factor"),
    thresholds: THRESHOLDS.map(value),
  };
}

// Only what differs from the defaults, as [name, value] pairs.
export function changedParams(params, defaults) {
  return Object.entries(params).filter(([name, value]) => String(value) !== String(defaults[name]));
}

// Commas stay readable, since they need no escape in a query.
export const toQuery = (pairs) => pairs.map(([name, value]) => `${name}=${value}`).join("&");

export function createParams(form, reset, state, onInput) {
  const defaults = read(form, "defaultValue");
  state.set({ params: read(form, "value") }); // browsers may restore the sliders of the last visit

  function draw() {
    for (const input of form.querySelectorAll("input")) {
      const decimals = input.step.split(".")[1]?.length ?? 0;
      const words = Number(input.value).toFixed(decimals) + (input.dataset.unit ?? "");
      form.querySelector(`output[for="${input.id}"]`).value = words;
      input.setAttribute("aria-valuetext", words);
    }
    reset.disabled = changedParams(state.get().params, defaults).length === 0;
  }

  function change() {
    state.set({ params: read(form, "value") });
    draw();
    onInput();
  }

  form.addEventListener("input", change);
  form.addEventListener("submit", (event) => event.preventDefault()); // the Enter key
  reset.addEventListener("click", () => {
    form.reset();
    change();
    form.querySelector("input").focus(); // the button is disabled now and cannot keep the focus
  });
  draw();
  return defaults;
}
