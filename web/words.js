// Texts of the page in the visitor's language. languages/en.json maps each id to its English text, and each other file of
// that folder maps the same ids to another language. A text may hold
//
//   {name}                                a value as it is
//   {count, number}                       a number as the language writes it
//   {count, plural, one {…} other {…}}    one of several forms; a form may hold placeholders itself
//   {names, list,; }                      several values with "; " between them
//
// A message is {id, values}, as the server sends it; a value may be a message too. Used by both pages.
const languages = {}; // the tables, by the language's tag

// The tag of the best table for a language such as "de-AT": the same one, one of the same language, or English.
function bestLanguage(wanted, tags = Object.keys(languages)) {
  const main = wanted.split("-")[0];
  return tags.find((tag) => tag === wanted) || tags.find((tag) => tag.split("-")[0] === main) || "en";
}

function language() {
  return bestLanguage(document.documentElement.lang);
}

function has(id) {
  return id in (languages.en || {});
}

function t(id, values = {}) {
  const text = languages[language()]?.[id] ?? languages.en?.[id];
  return text === undefined ? id : fillIn(text, values);
}

// The text of a message, of several with a joint between them, or of a plain string.
function render(message, joint = " ") {
  if (Array.isArray(message)) return message.map((each) => render(each)).join(joint);
  return message && typeof message === "object" ? t(message.id, message.values) : String(message ?? "");
}

function number(value, digits) {
  const places = digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(language(), places);
}

function percent(share, digits = 0) {
  return share.toLocaleString(language(), { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// The parts of a text in their order: plain, placeholder (without its outer braces), plain, and so on.
function pieces(text) {
  const found = [];
  let [depth, start] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "{" && text[at] !== "}") continue;
    const outer = text[at] === "{" ? depth++ === 0 : --depth === 0;
    if (outer) [start] = [at + 1, found.push(text.slice(start, at))];
  }
  found.push(text.slice(start));
  return found;
}

function fillIn(text, values) {
  return pieces(text).map((piece, at) => (at % 2 ? valueOf(piece, values) : piece)).join("");
}

function valueOf(placeholder, values) {
  const [, name, kind, rest] = /^\s*(\w+)\s*(?:,\s*(\w+)\s*(?:,(.*))?)?$/s.exec(placeholder);
  const value = values[name];
  if (kind === "number") return number(value);
  if (kind === "plural") {
    const forms = pieces(rest);
    const form = (wanted) => forms[forms.findIndex((each, at) => at % 2 === 0 && each.trim() === wanted) + 1];
    const chosen = new Intl.PluralRules(language()).select(value);
    return fillIn(forms.some((each, at) => at % 2 === 0 && each.trim() === chosen) ? form(chosen) : form("other"), values);
  }
  return render(value, rest ?? ", ");
}

// Shows all texts of a piece of the page: data-text (with data-values) is the id of an element's text, data-label of its
// accessible name, data-placeholder of its placeholder.
function translate(root) {
  const all = (name) => [root, ...root.querySelectorAll(`[${name}]`)].filter((node) => node.hasAttribute(name));
  for (const node of all("data-text")) node.textContent = t(node.dataset.text, JSON.parse(node.dataset.values || "{}"));
  for (const node of all("data-label")) node.ariaLabel = t(node.dataset.label);
  for (const node of all("data-placeholder")) node.placeholder = t(node.dataset.placeholder);
}
