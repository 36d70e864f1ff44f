// The files that the page saves.

const LONGEST_NAME = 60; // characters: a file system allows 255 bytes, and a character may need 4

/** The name of a file without its ending: the letters and digits of a title. @param {string} title */
export function fileName(title) {
  const name = (title.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).join("-");
  return [...name].slice(0, LONGEST_NAME).join("") || "text";
}

/** Saves a file to the visitor's downloads. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser has read it by then
}
