// Keeps what the page knows of the models up to date: asks the engine at first, and again while the page is visible.

import { pause } from "../document/dom.js";

const LOADING_S = 1; // between two requests while a model loads
const AWAY_S = 5; // while the server does not answer

/**
 * Asks until there is an answer, then now and then.
 *
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {Element} root  the page; requests end when it leaves the document
 * @param {(site: import("../engines/engine.js").Site) => void} receive
 */
export async function watchSite(engine, root, receive) {
  for (;;) {
    const again_s = await ask(engine, receive);
    if (again_s !== AWAY_S) return again(again_s, engine, root, receive);
    await pause(1000 * LOADING_S);
  }
}

/**
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {(site: import("../engines/engine.js").Site) => void} receive
 */
async function ask(engine, receive) {
  try {
    const site = await engine.site();
    receive(site);
    return site.models.some((model) => model.loading) ? LOADING_S : site.again_s;
  } catch (error) {
    console.info(`the models could not be asked for: ${error}`);
    return AWAY_S;
  }
}

/**
 * @param {?number} seconds
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {Element} root
 * @param {(site: import("../engines/engine.js").Site) => void} receive
 */
function again(seconds, engine, root, receive) {
  if (seconds === null) return;
  setTimeout(async () => {
    if (!root.isConnected) return;
    if (document.visibilityState === "hidden") await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    again(await ask(engine, receive), engine, root, receive);
  }, 1000 * seconds);
}
