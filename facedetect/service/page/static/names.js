// The names of files that are downloaded.

export const SUFFIXES = { png: ".png", jpeg: ".jpg" };
export const STYLE_SUFFIXES = { box: "faces", blur: "blurred", pixelate: "pixelated", solid: "covered" };

export const stem = (name) => name.replace(/\.[^.]*$/, "");
export const resultName = (name, style, format) =>
  `${stem(name)}-${STYLE_SUFFIXES[style]}${SUFFIXES[format]}`;

// Saves a file as a click on a link would.
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads it after the click
}
