// Components that several views use.

import { html } from "../vendor/preact.js";

/**
 * A button. While it is off it keeps the focus, so that someone who uses the keyboard stays where they are.
 * @param {{onPress: () => void, isOff?: boolean, children?: any, class?: string, [attribute: string]: any}} properties
 */
export function Button({ onPress, isOff = false, children, ...attributes }) {
  const press = (event) => (isOff ? event.preventDefault() : onPress());
  return html`<button type="button" aria-disabled=${isOff ? "true" : null} onClick=${press} ...${attributes}>${children}</button>`;
}
