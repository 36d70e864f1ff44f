// Keeps the page's description of the site up to date: requests it at first, and again while the page is visible.

import { pause } from "../document/dom.js";

const LOADING_S = 1; // between two requests while a model loads
const AWAY_S = 5; // while the server does not answer

/**
 * Requests the site until there is an answer. Then requests go on in the background, for as long as the site can change.
 *
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {Element} root  the page; requests end when it leaves the document
 * @param {(site: import("../engines/engine.js").Site) => void} receive
 */
export async function watchSite(engine, root, receive) {
  for (;;) {
    const again_s = await ask(engine, receive);
    if (again_s !== undefined) return again(again_s, engine, root, receive);
    await pause(1000 * LOADING_S);
  }
}

/**
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {(site: import("../engines/engine.js").Site) => void} receive
 * @returns {Promise<number | null | undefined>} seconds until the next request; null for none; undefined without an answer
 */
async function ask(engine, receive) {
  try {
    const site = await engine.site();
    receive(site);
    return site.models.some((model) => model.loading) ? LOADING_S : site.again_s;
  } catch (error) {
    console.info(`no answer about the models: ${error}`);
    return undefined;
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
    if (document.visibilityState === "hidden")
      await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    const again_s = await ask(engine, receive);
    again(again_s === undefined ? AWAY_S : again_s, engine, root, receive);
  }, 1000 * seconds);
}
