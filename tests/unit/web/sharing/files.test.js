import assert from "node:assert/strict";
import { test } from "node:test";

import { fileName } from "../../../../web/document/dom.js";

test("a file is named after any title", () => {
  const names = {
    "../Kafka: „Das Schloß“ / 1.txt": "Kafka-Das-Schloß-1-txt",
    会写作的网络: "会写作的网络",
    ["é".repeat(300)]: "é".repeat(60),
    " . ": "text",
    "my-text": "my-text",
  };
  for (const [title, name] of Object.entries(names)) assert.equal(fileName(title), name);
});
