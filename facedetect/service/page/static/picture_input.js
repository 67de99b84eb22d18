// How pictures get onto the page: chosen, dropped anywhere, or pasted.

export function acceptPictures({ file, capture }, onFile) {
  for (const input of [file, capture]) {
    input.addEventListener("change", () => {
      if (input.files[0]) onFile(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  acceptDrops(onFile);
  document.addEventListener("paste", (event) => {
    const pasted = event.clipboardData.files[0];
    if (!pasted) return;
    event.preventDefault();
    onFile(pasted);
  });
}

function acceptDrops(onFile) {
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
    if (event.dataTransfer.files[0]) onFile(event.dataTransfer.files[0]);
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
