// Keeps the page's description of the site up to date: requests it at first, and again while the page is visible.

import { pause } from "../document/dom.js";

const LOADING_S = 1; // between two requests while a model loads
const AWAY_S = 5; // while the server does not answer

/**
 * Requests the site until there is an answer. Then requests go on in the background, for as long as the site can change.
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {Element} root  the page; requests end when it leaves the document
 * @param {(site: import("../engines/engine.js").Site) => void} receive
 */
export async function watchSite(engine, root, receive) {
  /** Returns the seconds until the next request; null if there is to be none, undefined without an answer. */
  const ask = async () => {
    try {
      const site = await engine.site();
      receive(site);
      return site.models.some((model) => model.loading) ? LOADING_S : site.again_s;
    } catch (error) {
      console.info(`no answer about the models: ${error}`);
    }
  };
  const goOn = async (seconds) => {
    while (seconds !== null) {
      await pause(1000 * seconds);
      if (!root.isConnected) return;
      if (document.visibilityState === "hidden")
        await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
      seconds = (await ask()) ?? AWAY_S;
    }
  };
  let seconds = await ask();
  while (seconds === undefined) {
    await pause(1000 * LOADING_S);
    seconds = await ask();
  }
  goOn(seconds);
}
