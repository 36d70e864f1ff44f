// The example texts: short, and free to use for anything.

/**
 * @typedef {object} Example
 * @property {import("../../engines/engine.js").Message} name
 * @property {import("../../engines/engine.js").Message} origin the author and the licence
 * @property {URL} url of the text
 */

/** @type {Example[]} */
export const EXAMPLES = [
  {
    name: { id: "example.scenes" },
    origin: { id: "example.scenes.origin" },
    url: new URL("examples/scenes.txt", import.meta.url),
  },
  {
    name: { id: "example.recipes" },
    origin: { id: "example.recipes.origin" },
    url: new URL("examples/recipes.txt", import.meta.url),
  },
  {
    name: { id: "example.chat" },
    origin: { id: "example.chat.origin" },
    url: new URL("examples/chat.txt", import.meta.url),
  },
];

/** Fetches an example, ready for `readText`. @param {Example} example @returns {Promise<Blob>} */
export async function fetchExample({ url }) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: HTTP ${response.status}`);
  return response.blob();
}
