// The page's texts in the language of a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { loadLanguages, render, t } from "../../../../web/document/words.js";

globalThis.document = /** @type {any} */ ({ documentElement: { lang: "en" } });
globalThis.location = /** @type {any} */ ({ href: import.meta.url });

test("a browser gets the nearest language, and a text without a translation is English", async () => {
  const found = [];
  for (const wanted of ["de-AT", "zh-HK", "ja"]) found.push(await loadLanguages("../../../../web/", wanted));
  document.documentElement.lang = "fr"; // as a browser does that translates the page
  assert.deepEqual(
    [found, t("no.such"), render(["a", { id: "move.send" }])],
    [["de", "zh-TW", "en"], "no.such", "a Send"],
  );
  assert.equal(t("fact.model", { name: "a\u202eb" }), "Model: a\ufffdb"); // it would turn round what follows
});
