// Loaded before each test of the scripts in Node, where fetch does not read files: settings.js reads settings.json.

import { readFile } from "node:fs/promises";

const overHttp = globalThis.fetch;

globalThis.fetch = async (address, options) => {
  if (!`${address}`.startsWith("file:")) return overHttp(address, options);
  return new Response(await readFile(new URL(`${address}`)));
};
