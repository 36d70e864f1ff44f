// The lens Surprise: each character in the colour of its bits, what else could have stood there, where it was lost.
const BOUNDS = [1, 2, 3, 4, 6, 8]; // bits; a colour for below the first, one between each two, one from the last on
const SHOWN = 5; // likeliest characters
const UNKNOWN = -1; // instead of bits
const COSTLY = 6; // words that cost most

LENSES.surprise = {
  key: () => "bits",
  wants: () => ({}),
  take: (answer) => answer.bits,

  mark: (bits) => (bits === UNKNOWN ? "unknown" : bits === null ? "" : `b${levelOf(bits)}`),

  build() {
    const legend = make("p", "legend", panel);
    legend.append(t("surprise.scale"), " ");
    for (let level = 0; level <= BOUNDS.length; level++) {
      const swatch = make("span", `swatch b${level}`, legend);
      const [low, high] = [BOUNDS[level - 1], BOUNDS[level]];
      swatch.textContent = !low ? `< ${high}` : !high ? `${low} +` : `${low}–${high}`;
    }
    make("span", "swatch unknown", legend).textContent = t("surprise.unknown");
    const sides = make("div", "sides", panel);
    const left = make("div", "sums", sides);
    make("p", "sum", left).setAttribute("role", "status");
    make("div", "costly", left);
    const right = make("div", "closely", sides);
    make("p", "which", right).textContent = t("surprise.hint");
    make("ol", "likely", right).ariaLabel = t("surprise.likely");
    buildOwn();
  },

  show() {
    const last = talk.turns[talk.turns.length - 1];
    if (last) showSum(panel.querySelector(".sums"), lens.notes.get(last.turn), last.foot || last.fault);
    showSum(panel.querySelector(".own"), lens.notes.get(OWN), true);
  },

  look(looked) {
    const [which, list] = [panel.querySelector(".which"), panel.querySelector(".likely")];
    const bits = valuesOf(noteOf(looked.number))[looked.n];
    list.replaceChildren();
    which.replaceChildren();
    make("b", "char", which).textContent = shown(looked.char);
    if (bits === UNKNOWN) return which.append(` ${t("surprise.not_read")}`);
    if (!looked.top.length) {
      which.append(` ${t("surprise.first")}`);
      return;
    }
    const shares = sharesOf([...looked.top.map(([, logit]) => logit), ...looked.rest]);
    const there = looked.top.findIndex(([char]) => char === looked.char);
    if (bits >= 0) which.append(` ${t("surprise.chance", { bits: number(bits, 2), chance: chance(2 ** -bits) })}`);
    which.append(` ${t("surprise.drawn_from")}`);
    looked.top.slice(0, SHOWN).forEach(([char], at) => {
      const row = make("li", at === there ? "there" : "", list);
      make("b", "char", row).textContent = shown(char);
      make("span", "bar", make("span", "track", row)).style.width = `${100 * shares[at]}%`;
      make("span", "share", row).textContent = chance(shares[at]);
      row.ariaLabel = `${named(char)}: ${chance(shares[at])}`;
    });
    offerPicks(list, looked);
  },
};

function levelOf(bits) {
  const level = BOUNDS.findIndex((bound) => bits < bound);
  return level < 0 ? BOUNDS.length : level;
}

// A chance as text: one place after the point below 10 %.
function chance(share) {
  return share > 0 && share < 0.001 ? `< ${percent(0.001, 1)}` : percent(share, share < 0.0995 ? 1 : 0);
}

// Chances from logits, the largest first, by the settings on the page: temperature, then top-k, then top-p of the rest,
// then min-p.
function sharesOf(logits) {
  const [temperature, k, p, least] = ["temperature", "top_k", "top_p", "min_p"].map(setting);
  let weights = logits.map((logit, at) =>
    temperature > 0 ? Math.exp((logit - logits[0]) / temperature) : at ? 0 : 1,
  );
  if (k > 0) weights = weights.map((weight, at) => (at < k ? weight : 0));
  let room = p < 1 ? p * sum(weights) : Infinity;
  weights = weights.map((weight) => {
    const kept = room > 0 ? weight : 0;
    room -= weight;
    return kept >= least ? kept : 0;
  });
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

// Total and mean, and the words that took most of it.
function showSum(box, note, whole) {
  if (!box || !note) return;
  const values = valuesOf(note);
  const known = values.filter((bits) => bits !== null && bits !== UNKNOWN);
  const total = sum(known);
  const line = box.querySelector(".sum");
  const facts = { mean: number(total / known.length, 2), total: Math.round(total), count: known.length };
  const text = known.length ? t("surprise.sum", facts) : "";
  if (line.textContent !== text) line.textContent = text;
  if (!whole || values.length < note.chars.length) return;
  const costly = box.querySelector(".costly");
  costly.replaceChildren();
  const words = wordsOf(note.chars, values);
  if (words.length < 2) return;
  make("span", "lead", costly).textContent = t("surprise.words");
  for (const { word, bits, at } of words.slice(0, COSTLY)) {
    const button = make("button", "", costly);
    button.type = "button";
    button.append(word, " ");
    make("small", "", button).textContent = t("surprise.bits", { bits: Math.round(bits) });
    button.addEventListener("click", () => bring({ number: note.number, n: at }));
  }
}

// The words by their bits, and the character in each that cost most.
function wordsOf(chars, values) {
  const words = [];
  let word = null;
  chars.forEach((char, n) => {
    if (/\s/.test(char)) return (word = null);
    if (!word) words.push((word = { word: "", bits: 0, at: n, most: 0 }));
    word.word += word.word.length < 24 ? char : "";
    word.bits += Math.max(values[n], 0);
    if ((values[n] || 0) > word.most) [word.most, word.at] = [values[n], n];
  });
  return words.filter((each) => each.bits >= 1).sort((one, other) => other.bits - one.bits);
}

// The visitor's own text: written in a field with the colours lying under it.
function buildOwn() {
  const box = make("details", "own", panel);
  make("summary", "", box).textContent = t("surprise.own");
  const field = make("div", "field", box);
  const under = make("div", "under", field);
  under.ariaHidden = "true";
  const input = make("textarea", "", field);
  [input.rows, input.spellcheck, input.placeholder] = [5, false, t("surprise.own_hint")];
  input.ariaLabel = t("surprise.own_label");
  make("p", "sum", box).setAttribute("role", "status");
  make("p", "fault", box).setAttribute("role", "alert");
  make("div", "costly", box);
  const note = lens.notes.get(OWN);
  if (note) [input.value, box.open] = [note.chars.join(""), true];
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => change(input, box), 150);
  });
  input.addEventListener("scroll", () => (under.scrollTop = input.scrollTop));
  for (const name of ["keyup", "click"]) {
    input.addEventListener(name, () => {
      const n = [...input.value.slice(0, input.selectionStart)].length - 1;
      if (lens.notes.has(OWN) && n >= 0) look({ number: OWN, n });
    });
  }
  input.addEventListener("mousemove", (event) => {
    const node = document.elementsFromPoint(event.clientX, event.clientY).find((each) => each.matches(".under i"));
    if (node && lens.hovered !== node) look({ number: OWN, n: (lens.hovered = node).n });
  });
}

async function change(input, box) {
  const text = input.value;
  const model = modelNow();
  const answer = await ask({ text, ...(model ? { model } : {}) });
  if (text !== input.value) return;
  box.querySelector(".fault").textContent = render(answer.refusal);
  if (answer.refusal) return;
  const note = noteOf(OWN);
  note.chars = [...text];
  for (const values of Object.values(note.values)) values.length = Math.min(values.length, answer.same);
  const under = box.querySelector(".under");
  if (under.nodes) {
    const same = note.chars.slice(0, answer.same);
    fill(under, same, 0, OWN);
    under.painted = Math.min(under.painted | 0, answer.same);
  }
  fill(under, note.chars, 0, OWN);
  under.scrollTop = input.scrollTop;
  lensNow().show();
  pump();
}
