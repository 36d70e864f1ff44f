// The worker that reads one text: {source: Blob | string, options} in, {read} or {refusal} or {error} out. See read.js.

import { Refusal } from "../../engines/refusal.js";
import { readSource } from "./reading.js";

onmessage = async ({ data: { source, options } }) => {
  try {
    postMessage({ read: await readSource(source, options) });
  } catch (error) {
    postMessage(error instanceof Refusal ? { refusal: error.reason } : { error: `${error}` });
  }
};
