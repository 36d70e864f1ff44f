// What chats show for the page of a model that is published from this browser.

import { findModel } from "../../conversation/models.js";
import { find } from "../../document/dom.js";

const LENGTH = 200; // characters; chats show fewer

/**
 * Returns the first words of the model's welcome text, and a picture of it; null if the browser cannot draw it.
 * @param {import("../../page/main.js").Page} page
 * @param {string} name of the model
 * @param {string} title of the page that is published
 * @returns {Promise<?import("../hub/space.js").Preview>}
 */
export async function previewOf(page, name, title) {
  const { drawPreview } = await import("../../sharing/picture.js");
  await page.addModel(name);
  const model = findModel(page.site(), name);
  if (!model?.welcome) return null;
  const text = [...model.welcome.replace(/\s+/g, " ").trim()].slice(0, LENGTH).join("").trimEnd();
  const picture = await drawPreview(page.engine, model, title, find(page.root, ".char-lstm")).catch(() => null);
  return picture && { text, picture };
}
