// How pictures get onto the page: chosen, dropped anywhere, or pasted.

export function acceptPictures({ file, capture }, onFiles) {
  for (const input of [file, capture]) {
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = ""; // so that the same file can be chosen again
      if (files.length) onFiles(files);
    });
  }
  acceptDrops(onFiles);
  document.addEventListener("paste", (event) => {
    const pasted = [...event.clipboardData.files];
    if (!pasted.length) return;
    event.preventDefault();
    onFiles(pasted);
  });
}

function acceptDrops(onFiles) {
  const holdsFiles = (event) => event.dataTransfer.types.includes("Files");
  const showVeil = (shown) => document.body.classList.toggle("dragged-over", shown);

  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault(); // or the browser would open the file
    showVeil(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) showVeil(false); // the pointer has left the window
  });
  document.addEventListener("drop", (event) => {
    showVeil(false);
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (files.length) onFiles(files);
  });
}

// The file with its name and URL. Browsers cannot display every format that the service reads.
export async function openPicture(file) {
  const url = URL.createObjectURL(file);
  const probe = new Image();
  probe.src = url;
  const displayable = await probe.decode().then(() => true, () => false);
  return { file, name: file.name || "picture", url, displayable };
}
