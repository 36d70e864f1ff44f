// The entry of the app's page. The document imports it, and the page works in the element #early before Gradio's scripts have
// run (ui/page/first_paint.py). Then Gradio's one HTML component imports it too, and gets the page (ui/page/page.py).

import { find, hasScrolled } from "./document/dom.js";
import { ServerEngine } from "./engines/server.js";
import { Page } from "./page/main.js";
import { loadLanguages } from "./document/words.js";

const SCROLLS_MS = 1000; // in which a browser draws its next frame, on a slow machine too

const early = document.getElementById("early");
const started = early ? build(find(early, ".page")) : null;

/**
 * Puts the page into Gradio's component.
 * @param {HTMLElement} place
 */
export async function start(place) {
  if (!early) return void (await build(await newRoot(place)));
  moveTo(place, find(early, ".page"));
  early.remove();
  await started;
}

/** @param {HTMLElement} root */
async function build(root) {
  const { gradio_config } = /** @type {Window & {gradio_config?: {root?: string}}} */ (window);
  const address = new URL(gradio_config?.root || ".", location.href).href.replace(/\/$/, "");
  const engine = new ServerEngine(address);
  await loadLanguages(new URL(".", import.meta.url).href, document.documentElement.lang || navigator.language);
  // The app trains nothing: the static page, which is in the same folder, trains in the visitor's browser.
  const link = find(root, "#demonstrations .train", HTMLAnchorElement);
  Object.assign(link, { href: new URL("index.html#train-alone", import.meta.url).href, target: "_blank", rel: "noopener" });
  await new Page(root, engine, "site.greeting").start();
}

/** Adds the page's markup to an element, for a document without it: another page embeds the app. @param {HTMLElement} place */
async function newRoot(place) {
  const response = await fetch(new URL("index.html", import.meta.url));
  const { body } = new DOMParser().parseFromString(await response.text(), "text/html");
  place.append(...find(body, "#page").childNodes);
  return place;
}

/**
 * Moves the page to another element; its focus, its selection and its scroll position stay.
 * @param {HTMLElement & {moveBefore?: (node: Node, before: Node | null) => void}} place
 * @param {HTMLElement} root
 */
function moveTo(place, root) {
  if (place.moveBefore) {
    const [left, top] = [scrollX, scrollY];
    place.moveBefore(root, null);
    // In one of the next frames Chrome scrolls to the focused field, which is undone until the visitor or the page scrolls.
    const keeping = new AbortController();
    const { signal } = keeping;
    const end = () => keeping.abort();
    addEventListener("scroll", () => (hasScrolled(SCROLLS_MS) ? end() : scrollTo(left, top)), { signal });
    for (const name of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(name, end, { signal });
    setTimeout(end, SCROLLS_MS);
    return;
  }
  const { activeElement: focused } = document; // Safari, and browsers of before 2025
  const field = focused instanceof HTMLTextAreaElement || focused instanceof HTMLInputElement ? focused : null;
  const [start, end] = field ? [field.selectionStart, field.selectionEnd] : [null, null];
  const log = find(root, ".log");
  const { scrollTop } = log;
  place.append(root);
  log.scrollTop = scrollTop;
  if (focused instanceof HTMLElement && root.contains(focused)) focused.focus({ preventScroll: true });
  if (start !== null) field.setSelectionRange(start, end);
}
