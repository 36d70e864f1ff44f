// Elements that several views of the panel have.

import { render, t } from "../../document/words.js";
import { html, useRef } from "../../vendor/preact.js";

/** A button. @param {string} name its class @param {string} text @param {() => void} act @param {object} [attributes] */
export function button(name, text, act, attributes = {}) {
  return html`<button type="button" class=${name} onClick=${act} ...${attributes}>${text}</button>`;
}

/** The items of a list of messages. @param {import("../../engines/engine.js").Message[]} messages */
export function items(messages) {
  return messages.map((each) => html`<li>${render(each)}</li>`);
}

/** A button that lets the visitor choose files. @param {{name: string, text: string, field: string, take: (files: File[]) => void, [attribute: string]: any}} props */
export function FileButton({ name, text, field, take, ...attributes }) {
  const input = useRef(null);
  const change = () => {
    const files = [...input.current.files];
    input.current.value = ""; // so that the same file can be chosen again
    if (files.length) take(files);
  };
  return [
    button(name, t(text), () => input.current.click()),
    html`<input ref=${input} type="file" class=${field} hidden onChange=${change} ...${attributes} />`,
  ];
}
