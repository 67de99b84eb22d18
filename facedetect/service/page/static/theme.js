// The theme switch in the header: light, dark or the system's, stored for the next visit.

import { recall, remember } from "./storage.js";

const NAME = "facedetect-theme";

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

const choice = document.getElementById("theme");
const saved = choice.querySelector(`input[value="${recall("localStorage", NAME) ?? "auto"}"]`);
if (saved) {
  saved.checked = true;
  apply(saved.value);
}
choice.addEventListener("change", (event) => {
  apply(event.target.value);
  remember("localStorage", NAME, event.target.value);
});
