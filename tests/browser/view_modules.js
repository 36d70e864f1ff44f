// A conversation and an engine without a model, which only drive what the view modules draw. A character's bits are its
// code point modulo 9; a value of a cell is its code point modulo 128; the engine "predicts" A, B, C, D, E everywhere.

export const MODEL = { name: "a", commit: "" };
const HIDDEN = 4;

export class FakeEngine {
  constructor() {
    this.texts = new Map();
    this.queries = [];
    this.slow = 0; // milliseconds per answer
  }

  async trace(query) {
    this.queries.push(query);
    const before = [...(this.texts.get(query.trace) || "")];
    if (this.slow) await new Promise((done) => setTimeout(done, this.slow));
    if (query.server !== "one" && query.tail.at > 0) return { server: "one", unknown: true };
    if (before.length < query.tail.at) return { server: "one", unknown: true };
    const chars = [...before.slice(0, query.tail.at), ...query.tail.text];
    if (chars.length !== query.length) throw new Error(`the text has ${chars.length} characters, not ${query.length}`);
    this.texts.set(query.trace, chars.join(""));
    return { server: "one", ...("at" in query ? this.inspect(query, chars) : this.read(query, chars)) };
  }

  forget() {
    this.texts.clear();
  }

  read(query, chars) {
    const some = chars.slice(query.from, query.from + 256).map((char) => char.codePointAt(0));
    const bits = some.map((code, at) => (query.from + at === 0 ? null : code > 0x3000 ? -1 : code % 9));
    const answer = { bits, more: query.from + some.length < chars.length };
    if (query.cell) answer.values = some.map((code) => (code % 128) * (query.cell[1] % 2 ? -1 : 1));
    if ("layer" in query) answer.columns = Int8Array.from(some.flatMap((code) => Array(HIDDEN).fill(code % 128)));
    return answer;
  }

  inspect(query, chars) {
    if (query.at >= chars.length) return { refusal: { id: "refusal.no_character" } };
    const top = [..."ABCDE"].map((char, at) => [char, -at]);
    const answer = query.at === 0 ? { top: [], rest: [] } : { top, rest: [-5] };
    if (query.cell) Object.assign(answer, { gates: [0.1, 0.9, -0.5, 0.3], cell: [query.at ? 0.25 : 0.5, 0.5], held: false });
    if (query.step) answer.step = stepOf(query, chars);
    return answer;
  }

  async timeline({ step, timeline }) {
    if (step) return { text: ` at ${step}` };
    if (!timeline) return { timeline: true };
    const frames = [[100, 3.1], [200, 2.2], [1000, 1.6], [2000, null]];
    return { frames, best: 2, curve: [[100, 3.1], [200, 2.2], [1000, 1.6]], prompt: "ROMEO:", seed: 7 };
  }
}

function stepOf({ at, step }, chars) {
  if (at === 0) return {};
  const bytes = new Int8Array(8 * HIDDEN).fill(50);
  const cell = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
  const draw = step.draw === null ? null : { seed: 7, number: step.draw, value: 0.25 };
  return {
    read: chars[at - 1],
    id: 3,
    row: new Int8Array(8).fill(-20),
    layers: [0, 1].map(() => ({ bytes, cell, held: false })),
    likely: [["A", 0.6], [chars[at], 0.3]],
    strip: [["A", 0, 0.6], [chars[at], 0.6, 0.9]],
    temperature: 0.8,
    filters: [],
    draw,
    picked: step.picked,
    sizes: { V: 90, E: 8, H: HIDDEN },
  };
}

/** A conversation of one side; `write` adds a turn, `changed` is called after every change. */
export class FakeSource {
  constructor() {
    this.turns = [];
    this.chars = [];
    this.clamps = [];
    this.lastId = 0;
    this.isBusy = false;
    this.heldCells = [];
    this.mostHeld = 1;
    this.chosen = { temperature: 1, top_k: 0, top_p: 1, min_p: 0 };
    this.picks = [];
    this.changed = () => {};
  }

  write(prompt, reply, { writing = false, id = ++this.lastId } = {}) {
    const [given, at] = [[...prompt].length, this.chars.length];
    this.chars.push(...prompt, ...reply);
    this.turns.push({ id, at, given, length: given + [...reply].length, writing });
    this.isBusy = writing;
    this.changed();
  }

  grow(text, writing = true) {
    const turn = this.turns.at(-1);
    this.chars.push(...text);
    turn.length += [...text].length;
    [turn.writing, this.isBusy] = [writing, writing];
    this.changed();
  }

  /** Keeps the first characters of a reply in a new turn, and none of what came after. */
  cut(id, keep) {
    const at = this.turns.findIndex((turn) => turn.id === id);
    const turn = { ...this.turns[at], id: ++this.lastId };
    turn.length = turn.given + keep;
    this.turns.splice(at, Infinity, turn);
    this.chars.length = turn.at + turn.length;
  }

  sides() {
    return 1;
  }

  path() {
    if (!this.turns.length) return null;
    const start = false;
    const text = this.chars.join("");
    const turns = this.turns.map((turn) => ({ ...turn }));
    return { model: MODEL, second: null, share: null, start, text, clamps: this.clamps, turns };
  }

  about() {
    const cells = [
      { layer: 1, index: 2, name: "line begins", kind: "auc", score: 0.03, chance: 0.5, last_three: 0.5, remembers: true },
      { layer: 0, index: 1, name: "place in the line", kind: "r", score: -0.8, chance: 0, last_three: 0.9, remembers: false },
      { layer: 0, index: 3, name: "line begins", kind: "auc", score: 0.9, chance: 0.5, last_three: 0.5, remembers: true },
    ];
    this.model ??= { ...MODEL, layers: 2, hidden: HIDDEN, vocab: [], cells };
    return this.model;
  }

  draw(side, id, n) {
    return { settings: this.chosen, draw: n, picked: false };
  }

  settings() {
    return this.chosen;
  }

  busy() {
    return this.isBusy;
  }

  clampedCells() {
    return this.heldCells;
  }

  clamp(cells) {
    if (cells && cells.length > this.mostHeld) return;
    this.heldCells = cells;
    this.changed();
  }

  canContinueFrom(id) {
    return !this.isBusy && this.turns.some((turn) => turn.id === id);
  }

  pick(id, keep, character) {
    this.picks.push([id, keep, character]);
    this.cut(id, keep);
    this.chars[this.chars.length - 1] = character;
    this.grow("", true);
    setTimeout(() => this.grow(`xyz${this.picks.length}`, false), 50);
  }

  rewrite(id, keep, newSeed) {
    this.picks.push([id, keep, newSeed]);
  }

  isWelcome() {
    return false;
  }

  marked() {
    return null;
  }

  async step() {
    this.grow(String.fromCodePoint(97 + (this.chars.length % 26)), false);
  }

  async withoutClamps(id) {
    const turn = this.turns.find((each) => each.id === id);
    const reply = this.chars.slice(turn.at + turn.given, turn.at + turn.length);
    return { from: 2, text: `${reply.slice(2, 6).join("")}!other text` };
  }
}

/** Puts the document into the page, and a view without anything but the log. Returns {source, engine, lenses}. */
export async function start(base) {
  const load = (name) => import(`${base}${name}`);
  const [words, dom, { Lenses }] = await Promise.all(["document/words.js", "document/dom.js", "lenses/lens.js"].map(load));
  const document_ = await (await fetch(`${base}index.html`)).text();
  const { body } = new DOMParser().parseFromString(document_, "text/html");
  document.querySelector("main").append(...body.querySelector("main").childNodes);
  document.querySelectorAll(".welcome").forEach((each) => each.remove());
  await words.loadLanguages(base, navigator.language);
  words.translate(document.documentElement);
  document.querySelector("#intro h1").textContent = "char-lstm";
  const [source, engine] = [new FakeSource(), new FakeEngine()];
  const log = document.querySelector(".log");
  const show = () => dom.keepAtEnd(log, () => showTurns(log, source, lenses, dom));
  const lenses = new Lenses({ pane: document.querySelector(".pane"), side: 0, engine, source, onChange: show });
  source.changed = () => {
    show();
    lenses.update();
  };
  return { source, engine, lenses, words, dom };
}

function showTurns(log, source, lenses, dom) {
  for (const article of log.querySelectorAll("article")) {
    if (!source.turns.some((turn) => String(turn.id) === article.dataset.turn)) article.remove();
  }
  for (const turn of source.turns) {
    let article = log.querySelector(`article[data-turn="${turn.id}"]`);
    if (!article) {
      article = dom.create("article", "turn", log);
      article.dataset.turn = turn.id;
      const text = dom.create("div", "text", article);
      dom.create("span", "prompt", text);
      dom.create("span", "reply", text);
    }
    if (lenses.draws(article, turn)) continue;
    const given = source.chars.slice(turn.at, turn.at + turn.given).join("");
    dom.setText(article.querySelector(".prompt"), given);
    const reply = source.chars.slice(turn.at + turn.given, turn.at + turn.length).join("");
    dom.growText(article.querySelector(".reply"), reply);
  }
}
