// Share links: what is written into one is read from it, what messages add to its end is ignored, and faults are named.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { findModel, modelsOfLink, repoOf, wrap } from "../../../../web/conversation/replies.js";
import { readLink, writeLink } from "../../../../web/conversation/links.js";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../vectors/${name}.json`, import.meta.url), "utf8"));
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** Returns the result of a function, or the reason why a link is refused. */
function outcome(work) {
  try {
    return { result: work() };
  } catch (error) {
    if (!error.reason) throw error;
    return { reason: error.reason };
  }
}

const SETTINGS = { temperature: 0.9, length: 300, top_k: 5, top_p: 0.5, min_p: 0.1, seed: 7 };

/** Returns a link of one step. */
function linkOf(prompt, more = {}) {
  const step = { prompt, settings: SETTINGS, new_seed: true, pick: "", cells: [] };
  const model = { name: "ada/novel", commit: COMMIT };
  return { steps: [step], model, second: null, version: "1", text: "0".repeat(16), ...more };
}

const ANY = "aZ &=?#+%;/\\\"'<>\n\t\x00\x7fé你🙂\u0301\u202e\u2028{}$`";

test("what is written into a link is read from it", () => {
  const [first] = linkOf(ANY).steps;
  const exact = { temperature: 0.1 + 0.2, top_p: 1e-3, min_p: 1 / 3, top_k: 1e6, length: 10_000, seed: 2 ** 32 - 1 };
  const turn = { ...first, prompt: "", settings: { ...exact }, pick: "🙂" };
  const more = { ...turn, prompt: null, new_seed: false, settings: { ...exact, length: 1, temperature: 0 }, pick: "" };
  const clamped = {
    ...more,
    cells: [
      [0, 1, 1e-9],
      [1, 20, -4.5],
    ],
  };
  const again = { ...more, prompt: null, new_seed: true, settings: { ...more.settings, seed: 0 } };
  const blend = [first, more].map((step) => ({ ...step, settings: { ...step.settings, share: 1 / 3 } }));
  blend[1].settings.seed = SETTINGS.seed;
  const links = [
    linkOf(ANY, { steps: [first, turn, more, clamped, { ...clamped, cells: [] }, again] }),
    linkOf("", { model: { name: "", commit: "" }, version: "float32" }),
    linkOf("a", {
      steps: blend,
      second: { name: "bundled (2)", commit: "" },
      model: { name: "ada/novel@v2", commit: "" },
    }),
    linkOf("a", { steps: blend, second: { name: "ada/other", commit: COMMIT } }),
    ...[...ANY].map((pick) => linkOf(pick, { steps: [{ ...first, pick }] })),
  ];
  for (const link of links) {
    const query = writeLink(link);
    const { damaged, controls, writes, ...read } = readLink(`?${query}&__theme=dark&logs=1`);
    assert.match(query, /^[\x20-\x7e]+$/);
    assert.deepEqual([read, damaged, writes], [link, false, true]);
    assert.ok("seed" in controls);
  }
  for (const { query } of vectors("links")) assert.equal(writeLink(readLink(query)), query);
});

test("a link that is written by hand may omit settings and have them in any order", () => {
  for (const query of ["", "?__theme=dark", "?temperature=2&seed="]) assert.equal(readLink(query).writes, false);
  assert.deepEqual(readLink("?temperature=2&seed=").controls, { temperature: 2 });
  const { steps, controls } = readLink("?length=30&seed=7&prompt=ROMEO:&seed=8&speed=100");
  assert.deepEqual([steps.length, steps[0].prompt], [1, "ROMEO:"]);
  assert.deepEqual([steps[0].settings.length, steps[0].settings.seed], [30, 7]);
  assert.deepEqual(controls, { length: 30, seed: 7, speed: 100 });
});

const LONG = "9".repeat(5000);
const HELD = Array.from({ length: 5 }, (_, n) => `0.${n}~4`).join("_");
const REFUSED = {
  seed: ["seed=-1", "seed=1.5", "seed=4294967296", "seed=null", "seed=%EF%BC%91"],
  length: [
    ...["seed=1&length=0", "length=10001", "length=1_0", `length=${LONG}`],
    ...["seed=1&more=0", "seed=1&more=x"],
  ],
  temperature: ["NaN", "inf", "1e999", "5.01", "[1]"].map((value) => `temperature=${value}`),
  top_k: ["top_k=-1"],
  top_p: ["top_p=0&min_p=0"],
  min_p: ["min_p=2"],
  v: ["seed=1&v=<script>"],
  pick: ["seed=1&pick=xy"],
  share: ["1.1", "-0.1", "NaN", LONG].map((value) => `seed=1&blend_with=b&share=${value}`),
  hold: ["0.1~99", "0.1~4_0.1~4", HELD].map((value) => `seed=1&hold=${value}`),
};
test("a value that is not allowed is named", () => {
  for (const [field, queries] of Object.entries(REFUSED)) {
    for (const query of queries) {
      const { reason } = outcome(() => readLink(query));
      const { id, values } = reason.values.refusals?.[0] ?? reason;
      assert.deepEqual([id, values.field], ["refusal.in_link", field], query);
      assert.ok(`${values.value ?? ""}`.length <= 44);
    }
  }
});

test("a link that cannot be followed is refused", () => {
  const refused = [
    ["seed=1&then=x&then=y&seed=1", "link.no_seed"],
    [`seed=1${"&more=1".repeat(50)}`, "link.steps"],
    [`prompt=${"x".repeat(8000)}`, "link.characters"],
  ];
  for (const [query, id] of refused) assert.equal(outcome(() => readLink(query)).reason?.id, id);
});

const PLAIN = "prompt=ROMEO%3A&seed=7&v=1";
const HASH = "69174cee55d2b6a2";
test("what a message adds to the end of a link is ignored", () => {
  const added = [".", ")", ").", "...", "%27", "%22", "%3E", "%E3%80%82", "%0A", "*", ").&__theme=dark"];
  const ends = [
    `&text=${HASH}`,
    "",
    "&more=415",
    "&then=a.&seed=4",
    "&hold=0.7~4_1.3~-4",
    "&pick=Q",
    "&pick=.",
    "&seed=7",
  ];
  for (const end of ends)
    for (const more of added) assert.deepEqual(readLink(PLAIN + end + more), readLink(PLAIN + end), end + more);
  assert.equal(readLink("seed=7&prompt=ROMEO.)").steps[0].prompt, "ROMEO.)");
  assert.deepEqual(readLink(`${PLAIN}&text=${HASH}`.replaceAll("&", "&amp;")), readLink(`${PLAIN}&text=${HASH}`));
  for (const hash of ["69174c", `${HASH}x`, HASH.toUpperCase()])
    assert.deepEqual(readLink(`${PLAIN}&text=${hash}`), { ...readLink(PLAIN), damaged: true });
});

const served = (name, commit = "") => ({ name, commit, failure: null, loading: false });

test("a link finds a model of another branch or commit, and the bundled one by its old names", () => {
  const models = [served("ada/one@old", "a".repeat(40)), served("ada/one@new", COMMIT), served("bundled")];
  const find = (name, commit, among = models) =>
    modelsOfLink(linkOf("", { model: { name, commit } }), { models: among })[0].name;
  for (const name of ["ada/one", "ada/one@new", "ada/one@gone"]) assert.equal(find(name, COMMIT), "ada/one@new");
  assert.equal(find("ada/one", ""), "ada/one@old");
  assert.equal(find("ada/one", COMMIT, models.slice(0, 1)), "ada/one@old");
  assert.deepEqual(models.map(repoOf), ["ada/one", "ada/one", "bundled"]);
  const gone = linkOf("", { model: { name: "ada/two", commit: "" } });
  assert.equal(outcome(() => modelsOfLink(gone, { models })).reason.id, "link.no_model");
  const bundled = ["bible", "shakespeare", "tang"].map((name) => served(name));
  assert.equal(find("bundled", "", bundled), "shakespeare");
  assert.equal(findModel({ models: bundled }, "bundled").name, "shakespeare");
  assert.equal(findModel({ models: bundled.slice(0, 1) }, "bundled"), null);
  assert.equal(findModel({ models: [served("Shakespeare")] }, "tinyshakespeare").name, "Shakespeare");
});

test("a message is wrapped as in Python", () => {
  const chat = (stop) => ({ prefix: "<", suffix: `${stop}>`, stop });
  const wrapped = [
    ...[
      ["\n", "", ">"],
      ["\n", "a\nb", "<a b\n>"],
      ["\n", " \n \nc", "<c\n>"],
      ["🙂", "a🙂b", "<a b🙂>"],
    ],
    ...[
      ["ab", "aabb", "<aabab>"],
      ["🙂x", "a🙂xb", "<a🙂b🙂x>"],
      ["🙂x", "", ">"],
    ],
  ];
  for (const [stop, message, expected] of wrapped)
    assert.equal(wrap(chat(stop), message), expected, `${stop} ${message}`);
});
