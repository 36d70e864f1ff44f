// The example texts: short, and free to use for anything.

export const EXAMPLES = ["scenes", "recipes", "chat"].map((name) => ({
  name: { id: `example.${name}` },
  origin: { id: `example.${name}.origin` }, // the author and the licence
  url: new URL(`examples/${name}.txt`, import.meta.url),
}));

/** Fetches an example, ready for `readText`. @param {{url: URL}} example @returns {Promise<Blob>} */
export async function fetchExample({ url }) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: HTTP ${response.status}`);
  return response.blob();
}
