// The ways in for a picture: chosen, dropped anywhere on the page, or pasted.

export function takePictures({ file, capture }, onFile) {
  for (const input of [file, capture]) {
    input.addEventListener("change", () => {
      if (input.files[0]) onFile(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  takeDrops(onFile);
  document.addEventListener("paste", (event) => {
    const pasted = event.clipboardData.files[0];
    if (!pasted) return;
    event.preventDefault();
    onFile(pasted);
  });
}

function takeDrops(onFile) {
  const holdsFiles = (event) => event.dataTransfer.types.includes("Files");
  const showVeil = (shown) => document.body.classList.toggle("dragged-over", shown);

  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault(); // or the browser would open the file itself
    showVeil(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) showVeil(false); // it has left the window
  });
  document.addEventListener("drop", (event) => {
    showVeil(false);
    if (!holdsFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files[0]) onFile(event.dataTransfer.files[0]);
  });
}

// The file with what the page needs to know of it. Some files only the service can display.
export async function openPicture(file) {
  const url = URL.createObjectURL(file);
  const probe = new Image();
  probe.src = url;
  const displayable = await probe.decode().then(() => true, () => false);
  return { file, name: file.name || "picture", url, displayable };
}
