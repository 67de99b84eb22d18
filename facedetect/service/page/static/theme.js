// Light, dark or as the system: the switch in the header, remembered for the next visit.

import { recall, remember } from "./remembered.js";

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
