// What Share saves and copies besides the link: the log of the conversation, the code of a frame.

/** @import { Log } from "../conversation/log.js" */

const LONGEST_NAME = 60; // characters: a file system allows 255 bytes, and a character may need 4
const FRAME_HEIGHT = 640; // pixels: in a narrow frame the controls are below the text
// The frame may run scripts, use its own storage and save files. It may not replace the page around it or open windows.
const SANDBOX = "allow-scripts allow-same-origin allow-downloads";

/** The log as JSON, as the browser stores it, without what was typed and not sent. @param {Log} log */
export function logJson(log) {
  return `${JSON.stringify({ ...log, controls: { ...log.controls, draft: "" } }, null, 1)}\n`;
}

/** The name of a file without its ending: the letters and digits of a title. @param {string} title */
export function fileName(title) {
  const name = (title.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).join("-");
  return [...name].slice(0, LONGEST_NAME).join("") || "text";
}

/** The HTML that embeds a page in another one. @param {string} address @param {string} title */
export function frameCode(address, title) {
  const [src, name] = [address, title].map((text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`));
  const rest = `width="100%" height="${FRAME_HEIGHT}" sandbox="${SANDBOX}" allow="clipboard-write" loading="lazy" style="border: 0"`;
  return `<iframe src="${src}" title="${name}" ${rest}></iframe>`;
}

/** Saves a file to the visitor's downloads. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser has read it by then
}
