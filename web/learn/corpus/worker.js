// The worker that reads one text: {source: Blob | string, options} in, {read} or {refusal} or {error} out. See reading.js.

import { Refusal } from "../../engines/engine.js";
import { readAll } from "./reading.js";

onmessage = async ({ data: { source, options } }) => {
  try {
    postMessage({ read: readAll(await contentOf(source, options.name), options) });
  } catch (error) {
    if (error instanceof Refusal) postMessage({ refusal: error.reason });
    else postMessage({ error: `${error}` });
  }
};

async function contentOf(source, name) {
  if (typeof source === "string") return source;
  try {
    return new Uint8Array(await source.arrayBuffer());
  } catch (error) {
    // It was changed or deleted after it was chosen, or may not be read.
    throw new Refusal({ id: "text.unreadable", values: { name, reason: `${error.message}` } });
  }
}
