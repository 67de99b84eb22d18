// Problems and what to do about them: retry, wait as long as the service asks, or enter a key.

import { savedKey, saveKey } from "./api.js";

const NEEDS_ANOTHER_PICTURE = [400, 413, 415];
const SVG = "http://www.w3.org/2000/svg";

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `page/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

function element(name, text, className = "") {
  const created = document.createElement(name);
  created.textContent = text;
  created.className = className;
  return created;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/([^.!?…])$/, "$1.");

export function createNotices({ notice, dialog, form, about, cancel, work }, state, { again, pick }) {
  let timer;

  // Usually the detection, but it may have been a download or the camera.
  const retry = () => (state.get().problem?.again ?? again)();

  function draw(problem) {
    clearInterval(timer);
    const hadFocus = notice.contains(document.activeElement);
    notice.replaceChildren(...(problem ? [createBox(problem)] : []));
    if (hadFocus) (notice.querySelector("button") ?? work).focus();
    if (problem?.status === 401) askKey();
  }

  function createBox(problem) {
    const isWaiting = problem.retryAfterS > 0;
    const box = element("div", "", isWaiting ? "notice-box waiting" : "notice-box");
    const words = element("p", "");
    words.append(element("strong", problem.title), sentence(problem.detail ?? ""));
    box.append(icon(isWaiting ? "wait" : "warning"), words);
    if (isWaiting) words.append(countDown(problem.retryAfterS));
    box.append(...solution(problem));
    return box;
  }

  // A button for another picture, a key or a retry; the settings are on the page already.
  function solution({ status }) {
    if (status === 422) return [];
    const [words, act] = status === 401 ? ["Enter the key", askKey]
      : NEEDS_ANOTHER_PICTURE.includes(status) ? ["Choose another", pick] : ["Try again", retry];
    const button = element("button", words, "button");
    button.type = "button";
    button.addEventListener("click", () => act());
    return [button];
  }

  // Screen readers announce the time once, not every second.
  function countDown(seconds) {
    const line = document.createElement("span");
    const count = element("span", ` Trying again in ${seconds} s.`);
    let left = seconds;
    count.setAttribute("aria-hidden", "true");
    line.append(element("span", ` Trying again in ${seconds} seconds.`, "unseen"), count);
    timer = setInterval(() => {
      left -= 1;
      count.textContent = ` Trying again in ${left} s.`;
      if (left > 0) return;
      clearInterval(timer);
      retry();
    }, 1000);
    return line;
  }

  function askKey() {
    about.textContent = savedKey()
      ? "The service does not know the key that was sent."
      : "This service accepts requests with a key only.";
    if (!dialog.open) dialog.showModal();
  }

  form.addEventListener("submit", () => {
    saveKey(form.elements.key.value.trim());
    form.reset();
    retry();
  });
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    // The element that had the focus may be gone with the notice; the closed dialog still has it then.
    const { activeElement } = document;
    if (activeElement === document.body || dialog.contains(activeElement)) work.focus();
  });
  state.onChange((now, before) => {
    if (now.problem !== before.problem) draw(now.problem);
  });
}
