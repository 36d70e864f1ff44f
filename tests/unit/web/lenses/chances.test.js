import assert from "node:assert/strict";
import { before, test } from "node:test";

const WEB = new URL("../../../../web/", import.meta.url).href;
let chances, words;

before(async () => {
  Object.assign(globalThis, { document: { documentElement: { lang: "en" } }, location: { href: WEB } });
  [chances, words] = await Promise.all(["lenses/names.js", "document/words.js"].map((path) => import(WEB + path)));
  await words.loadLanguages(WEB, "en");
});

test("only what is certain is shown as 100 percent", () => {
  const texts = [0, 0.0004, 0.0512, 0.5, 0.9961, 0.9996, 1].map(chances.chance);
  assert.deepEqual(texts, ["0.0%", "<\u00a00.1%", "5.1%", "50%", "99.6%", ">\u00a099.9%", "100%"]);
});

test("a number that is rounded to zero has no minus sign", () => {
  const numbers = [[-0.004, 2], [-0.4, 0], [-0], [-0.05, 1], [-10, 0]].map((each) => words.number(...each));
  assert.deepEqual(numbers, ["0.00", "0", "0", "−0.1", "−10"]);
});

test("the character that is there is shown with its chance, however small it was", () => {
  const top = [..."abcdef"].map((character, at) => [character, -at]);
  const [rest, settings] = [[-6, -7.5, -9], { temperature: 0.5, top_k: 0, top_p: 1, min_p: 0 }];
  const sum = (logits, factor) => logits.reduce((total, logit) => total + Math.exp(factor * logit), 0);
  const all = [0, -1, -2, -3, -4, -5, ...rest];
  const share = (logit) => Math.exp(2 * logit) / sum(all, 2);
  const shown = (char, logit) => {
    const bits = logit === null ? null : -Math.log2(Math.exp(logit) / sum(all, 1));
    return chances.likely({ top, rest }, settings, char, bits).map(([name, each]) => [name, each.toFixed(9)]);
  };
  const five = [..."abcde"].map((name, at) => [name, share(-at).toFixed(9)]);
  assert.deepEqual(shown("b", -1), five);
  assert.deepEqual(shown("f", -5), [...five, ["f", share(-5).toFixed(9)]]);
  assert.deepEqual(shown("z", -7.5), [...five, ["z", share(-7.5).toFixed(9)]]);
  assert.deepEqual(shown("z", null), five);
});
