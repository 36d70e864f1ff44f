// The worker that reads one text: {source: Blob | string, options} in, {read} or {refusal} or {error} out. See reading.js.

import { Refusal } from "../../engines/refusal.js";
import { checkSize } from "./decode.js";
import { readAll } from "./reading.js";

const ZIP = [0x50, 0x4b, 3, 4]; // the first bytes
const CHAT_IN_ZIP = "_chat.txt"; // what an iPhone names the text among the pictures of an export

onmessage = async ({ data: { source, options } }) => {
  try {
    const { content, file } = await contentOf(source, options.name);
    const read = readAll(content, options);
    if (file) read.notes.unshift({ id: "text.unpacked", values: { file } });
    postMessage({ read });
  } catch (error) {
    if (error instanceof Refusal) postMessage({ refusal: error.reason });
    else postMessage({ error: `${error}` });
  }
};

/** Returns the bytes of a file, or those of the one text in a .zip, which is how an iPhone exports a chat. */
async function contentOf(source, name) {
  if (typeof source === "string") return { content: source };
  const content = await bytesOf(source, name);
  if (ZIP.some((byte, n) => content[n] !== byte)) return { content };
  const { zipEntries } = await import("../archive.js");
  const texts = (await zipEntries(source)).filter((entry) => /\.(?:txt|json|jsonl)$/i.test(entry.name));
  const text = texts.find((entry) => entry.name === CHAT_IN_ZIP) ?? texts[0];
  if (!text || (texts.length > 1 && text.name !== CHAT_IN_ZIP)) return { content };
  checkSize(text.size, text.name);
  return { content: await text.read(), file: text.name };
}

async function bytesOf(source, name) {
  try {
    return new Uint8Array(await source.arrayBuffer());
  } catch (error) {
    // It was changed or deleted after it was chosen, or may not be read.
    throw new Refusal({ id: "text.unreadable", values: { name, reason: `${error.message}` } });
  }
}
