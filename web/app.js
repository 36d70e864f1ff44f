// The entry of the app's page: the one HTML component of Gradio imports it (ui/page/page.py).

import { find } from "./document/dom.js";
import { ServerEngine } from "./engines/server.js";
import { mount } from "./page/main.js";
import { loadLanguages } from "./document/words.js";

/**
 * Builds the page inside Gradio's component.
 *
 * @param {HTMLElement} root
 */
export async function start(root) {
  const { gradio_config } = /** @type {Window & {gradio_config?: {root?: string}}} */ (window);
  const address = new URL(gradio_config?.root || ".", location.href).href.replace(/\/$/, "");
  await loadLanguages(new URL(".", import.meta.url).href, document.documentElement.lang || navigator.language);
  await mount(root, new ServerEngine(address), { greeting: "site.greeting" });
  // The app trains nothing: the static page, which lies in the same folder, does it in the visitor's browser.
  const link = find(root, "#training-elsewhere a", HTMLAnchorElement);
  Object.assign(link, { href: new URL("index.html#train-alone", import.meta.url).href, target: "_blank", rel: "noopener" });
  link.parentElement.hidden = false;
  document.getElementById("early")?.remove(); // ui/page/first_paint.py
}
