// The page's words in the visitor's language. English stands in the sources; for Chinese, zh.json has the same text by
// the English one. In both "{}" is a value, "{1}" the second one, and "{*}" one that is made of words itself. The
// document's lang is the language; what is not in the table stays English. Knows no page.
//
//   t("{} bits", 7)                   a text of a script's own
//   heard("seed 7 · 500 characters")  a line of the server's, which speaks English
//   translate(element)                all that is written in a piece of the page, before a model writes there
const words = { table: new Map(), shapes: [] };
const NAMES = ["aria-label", "placeholder", "title"]; // attributes that are words

function learn(table) {
  words.table = new Map(Object.entries(table));
  const length = (text) => text.replace(/\{\W?\}/g, "").length;
  const shaped = Object.keys(table).filter((text) => /\{\W?\}/.test(text));
  shaped.sort((one, other) => length(other) - length(one)); // what says more is tried first
  words.shapes = shaped.map((text) => {
    const plain = text.split(/\{\W?\}/).map((piece) => piece.replace(/[.*+?^$()|[\]\\]/g, "\\$&"));
    return { text, shape: new RegExp(`^${plain.join("(.*?)")}$`, "s"), marks: text.match(/\{\W?\}/g) };
  });
}

function isChinese() {
  return document.documentElement.lang.startsWith("zh");
}

function t(text, ...values) {
  let next = 0;
  const found = (isChinese() && words.table.get(text)) || text;
  return found.replace(/\{([\d*]?)\}/g, (_, at) => values[/\d/.test(at) ? at : next++]);
}

// Facts, sentences, reasons and lists are told one by one.
function heard(text) {
  if (!isChinese() || !text) return text;
  if (words.table.has(text)) return t(text);
  const each = (parts, joint) => {
    const told = parts.map(heard);
    if (told.every((one, at) => one === parts[at])) return text;
    return told.reduce((all, one) => all + (all.endsWith("。") ? "" : joint) + one);
  };
  if (text.includes(" · ")) return each(text.split(" · "), " · ");
  const sentences = text.match(/.+?[.…](?= [A-Z]|$)|.+$/gs).map((sentence) => sentence.trim());
  if (sentences.length > 1) return each(sentences, " ");
  for (const { text: known, shape, marks } of words.shapes) {
    const values = shape.exec(text);
    if (values) return t(known, ...values.slice(1).map((value, at) => (marks[at] === "{*}" ? heard(value) : value)));
  }
  if (text.includes("; ")) return each(text.split("; "), "；");
  return text.includes(", ") ? each(text.split(", "), "、") : text;
}

// Returns what does it again, for when the language is another one.
function translate(root) {
  const found = [];
  for (const node of [root, ...root.querySelectorAll("*")]) {
    for (const name of NAMES) {
      if (node.hasAttribute(name)) found.push([node.getAttribute(name), (told) => node.setAttribute(name, told)]);
    }
    for (const text of node.childNodes) {
      if (text.nodeType === Node.TEXT_NODE && text.data.trim()) found.push([text.data.trim(), (told) => (text.data = told)]);
    }
  }
  const tell = () => found.forEach(([english, put]) => put(heard(english)));
  if (isChinese()) tell();
  return tell;
}
