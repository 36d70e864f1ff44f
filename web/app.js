// The entry of the app's page, whose document is that of ui/page/document.py.

import { find } from "./document/dom.js";
import { ServerEngine } from "./engines/server.js";
import { start } from "./page/main.js";
import { loadLanguages } from "./document/words.js";

const address = new URL(".", location.href).href.replace(/\/$/, "");

async function open() {
  const root = find(document, "#page");
  if (parent !== window) fitFrame();
  await loadLanguages(new URL(".", import.meta.url).href, document.documentElement.lang || navigator.language);
  // The app trains nothing: the static page, which is in the same folder, trains in the visitor's browser.
  const link = find(root, "#menu .train", HTMLAnchorElement);
  const { href } = new URL("index.html#train-alone", import.meta.url);
  Object.assign(link, { href, target: "_blank", rel: "noopener" });
  await start(root, new ServerEngine(address), "site.greeting");
}

// The page of a Space on the Hub gives the frame the height that this script, which comes with Gradio, reports to it.
function fitFrame() {
  const script = document.createElement("script");
  script.src = `${address}/static/js/iframeResizer.contentWindow.min.js`;
  document.head.append(script);
}

open();
