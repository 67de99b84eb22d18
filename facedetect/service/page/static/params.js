// The detection parameters: from the sliders to the query of a request.
// Bounds and defaults are in the HTML; a test compares them with those of the service.

const THRESHOLDS = ["proposal", "refinement", "output"];

function read(form, property) {
  const value = (name) => Number(form.elements[name][property]);
  return {
    min_size: value("min_size"),
    factor: value("factor"),
    thresholds: THRESHOLDS.map(value),
  };
}

// The parameters that differ from the defaults, as [name, value] pairs.
export function changedParams(params, defaults) {
  return Object.entries(params).filter(([name, value]) => String(value) !== String(defaults[name]));
}

// Commas need no escape in a query.
export const toQuery = (pairs) => pairs.map(([name, value]) => `${name}=${value}`).join("&");

export function createParams(form, reset, state, onInput) {
  const defaults = read(form, "defaultValue");
  state.set({ params: read(form, "value") }); // browsers may restore the sliders of the last visit

  function draw() {
    for (const input of form.querySelectorAll("input")) {
      const decimals = input.step.split(".")[1]?.length ?? 0;
      const text = Number(input.value).toFixed(decimals) + (input.dataset.unit ?? "");
      form.querySelector(`output[for="${input.id}"]`).value = text;
      input.setAttribute("aria-valuetext", text);
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
