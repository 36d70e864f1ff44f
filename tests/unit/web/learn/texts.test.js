// How the page reads a text to train on: encodings, archives, chats, and what looks private.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isWhatsapp, readChat } from "../../../../web/learn/corpus/whatsapp.js";
import { EXAMPLES, fetchExample, readText } from "../../../../web/learn/corpus/read.js";
import { privateIn } from "../../../../web/learn/corpus/privacy.js";
import { readSource } from "../../../../web/learn/corpus/reading.js";
import { zipSync } from "../../../../web/vendor/fflate.js";

const json = (path) => JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8"));
const ENGLISH = json("../web/languages/en.json");
const CHATS = json("vectors/chats.json"); // Python's results are stored there
const ANDROID = CHATS.find(({ name }) => name === "Android").input;
const LONG = "It is a long story, which I tell you in many words.\n".repeat(4);

/** Reads a text, or a file of bytes. */
const read = (source, options = {}) => {
  const { name = "my.txt" } = options;
  return readSource(typeof source === "string" ? source : new File([source], name), { name, ...options });
};

/** The message with which a source is refused. */
async function refusal(source, options) {
  const found = await read(source, options).catch((error) => error.reason ?? assert.fail(error));
  assert.ok(found.id in ENGLISH, JSON.stringify(found).slice(0, 200));
  return found;
}

const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const latin1 = (text) => Buffer.from(text, "latin1");
const utf16be = (text) => Buffer.from(text, "utf16le").swap16();
const zip = (files) =>
  zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])));

const ENCODINGS = {
  "UTF-8": (text) => bytes(text),
  "UTF-8 with a mark": (text) => bytes(`\ufeff${text}`),
  "UTF-16-LE with a mark": (text) => Buffer.from(`\ufeff${text}`, "utf16le"),
  "UTF-16-BE with a mark": (text) => utf16be(`\ufeff${text}`),
};
test("a text is the same in each encoding, with each line end, and pasted", async () => {
  const text = `${LONG}Für Zoë: 👍🏽 \u2028 \x85 \x0c is one line\n\nthe end`;
  const [characters, distinct] = [[...text].length, new Set(text).size];
  const expected = { text, characters, distinct, lines: 7, chat: null, notes: [], private: [] };
  for (const end of ["\n", "\r\n", "\r"]) {
    const written = text.replaceAll("\n", end);
    assert.deepEqual(await read(written), expected);
    for (const [name, encode] of Object.entries(ENCODINGS)) {
      assert.deepEqual(await read(encode(written)), expected, `${name}, ${JSON.stringify(end)}`);
    }
  }
  assert.equal((await read(`\ud800${LONG}\udfff`)).text, `\ufffd${LONG}\ufffd`);
});

const REFUSED = [
  [[], "text.empty"],
  ["", "text.empty"],
  ["abc", "text.too_short", { count: 3, least: 100 }],
  [bytes(LONG, latin1("\nGrüße")), "text.no_text"],
  [Buffer.from(LONG, "utf16le"), "text.no_text"],
  [`a\0${LONG}`, "text.no_text"],
  [latin1("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "text.no_text"],
  [zip({ "a.txt": LONG, "b.txt": LONG }), "text.no_text"],
  [zip({ "word/document.xml": "x" }), "text.no_text"],
  [zip({ "a.txt": "\0" }), "text.no_text", { name: "a.txt" }],
  [zip({ "a.txt": "a".repeat(33_000_000) }), "text.too_large", { name: "a.txt", megabytes: 33, most: 32 }],
];
test("what is no text is refused with what to do", async () => {
  for (const [source, id, values] of REFUSED) {
    const given = Array.isArray(source) ? bytes(source) : source;
    assert.deepEqual(await refusal(given), { id, values: { name: "my.txt", ...values } });
  }
  assert.equal((await refusal(zip({ "a.txt": LONG }).slice(0, -30))).id, "files.damaged");
  assert.equal((await refusal(bytes("<p>A story</p>\n", LONG), { name: "story.HTML" })).id, "text.no_text");
  assert.equal((await read(`<!doctype html>${LONG}`)).notes.length, 0); // pasted: it is a text about pages
});

test("a large file is refused before it is read", async () => {
  const file = new File([new Uint8Array(200_000_000)], "big.txt");
  file.arrayBuffer = () => assert.fail("was read");
  const values = { name: "big.txt", megabytes: 200, most: 32 };
  await assert.rejects(readText(file, { name: "big.txt" }), { reason: { id: "text.too_large", values } });
});

test("the text of an archive is read, an iPhone's chat before others", async () => {
  const found = await read(zip({ "story.txt": LONG, "picture.jpg": "x" }));
  assert.deepEqual([found.text, found.notes], [LONG, [{ id: "text.unpacked", values: { file: "story.txt" } }]]);
  const chat = await read(zip({ "a.txt": LONG, "_chat.txt": ANDROID.repeat(3) }));
  assert.deepEqual(
    chat.notes.slice(0, 2).map(({ id }) => id),
    ["text.unpacked", "text.chat_read"],
  );
});

test("a text of more characters than an id can name is refused", async () => {
  const most = Array.from({ length: 65_536 }, (_, n) => String.fromCodePoint(0x20000 + n)).join("");
  assert.equal((await read(most)).distinct, 65_536);
  const values = { name: "my.txt", distinct: 65_537, most: 65_536 };
  assert.deepEqual(await refusal(`${most}a`), { id: "text.too_many_distinct", values });
});

test("a WhatsApp export becomes the text that Python makes of it", async () => {
  const result = (input, replyAs) => {
    try {
      const { text, chat, notes } = readChat(input, "chat.txt", replyAs);
      const format = { prefix: chat.prefix, suffix: chat.suffix, stop: chat.stop };
      return { text, format, notes: notes.filter(({ id }) => id === "text.chat_left_out"), senders: chat.senders };
    } catch (error) {
      return { error: error.reason?.id ?? `${error}` };
    }
  };
  assert.ok(CHATS.length > 30);
  for (const { name, input, reply_as: replyAs, expected } of CHATS) {
    assert.ok(isWhatsapp(input), name);
    assert.deepEqual(result(input, replyAs), expected, name);
  }
});

test("a chat is read with its notes, as another sender, or as it is", async () => {
  const export_ = ANDROID + "05/11/2023, 07:10 - Oskar: Yes\n".repeat(20);
  const { text, chat, notes, ...found } = await read(bytes(export_));
  assert.ok(text.startsWith("A: Who drives?\n"));
  assert.deepEqual([chat.prefix, chat.suffix, chat.stop, chat.replyAs], ["A: ", "\n\nB: ", "\n\n", "Oskar"]);
  const names = { asks: "Priya", replies: "Oskar" };
  assert.deepEqual(notes, [
    { id: "text.chat_read", values: { count: 24, senders: 3, ...names } },
    { id: "text.chat_letters", values: { ...names, asks_letter: "A", replies_letter: "B" } },
    { id: "text.chat_left_out", values: { count: 5, all: 29 } },
  ]);
  assert.deepEqual(found.private, [{ id: "private.conversation" }]);
  assert.equal((await read(export_, { replyAs: "Priya" })).chat.suffix, "\n\nA: ");
  const plain = await read(ANDROID, { chat: false });
  assert.deepEqual([plain.text, plain.chat, plain.notes[0].id], [ANDROID, null, "text.chat_whatsapp"]);
  assert.ok(plain.private.some(({ id }) => id === "private.chat"));
  const alone = "05/11/2023, 07:04 - Priya: one\n".repeat(5);
  const reason = { id: "text.chat_one_speaker", values: { name: "my.txt", speaker: "Priya" } };
  assert.deepEqual((await read(alone)).notes, [{ id: "text.chat_not_read", values: { reason } }]);
  assert.equal((await read(alone)).text, alone);
});

test("chats of other messengers are refused with the command that reads them", async () => {
  const others = json("unit/training/corpus/exports.json").filter(({ kind }) => !/WhatsApp|IRC|^$/.test(kind));
  assert.ok(others.length > 15);
  for (const { name, lines, json: value } of others) {
    const { id } = await refusal(lines?.join("\n") ?? JSON.stringify(value, null, 1));
    assert.equal(id, "text.python_chat", name);
  }
  const texts = [
    '{"name": "trip", "version": "1.0"}\n',
    "[trip]\nname = 1\n",
    "[".repeat(9000),
    "ROMEO: Hi\nJULIET: Ho\n",
  ];
  for (const text of texts) assert.equal((await read(text.repeat(9))).chat, null);
});

// In these texts without private data the browser, which checks only the form, finds something.
const FALSE_ALARMS = [
  ...["numbers", "reserved addresses", "code with at signs", "reserved numbers", "tables", "failed checks"],
  ...["placeholders", "types and names", "a sentence", "heads of keys"],
];
test("what Python finds private is found, and little else", () => {
  const vectors = json("vectors/private.json").filter(({ name }) => !FALSE_ALARMS.includes(name));
  assert.ok(vectors.length > 90);
  for (const { name, parts, found } of vectors) {
    const kinds = Object.entries(Object.groupBy(found, ([kind]) => kind));
    const expected = kinds.map(([kind, all]) => ({ id: `private.${kind}`, count: all.length, line: all[0][1] }));
    const messages = privateIn(parts.join("")).map(({ id, values: { count, line } }) => ({ id, count, line }));
    assert.deepEqual(messages, expected, name);
    for (const { id } of messages) assert.ok(id in ENGLISH, id);
  }
});

test("the summary counts each kind and repeats nothing", () => {
  const text = `${LONG}ada@kurz.de\n+49 171 9018234\neva@kurz.de ida@kurz.de\nhf_${"i0VpEB".repeat(6)}\n`;
  assert.deepEqual(privateIn(text), [
    { id: "private.email", values: { count: 3, line: 5, excerpt: "@ku…" } },
    { id: "private.phone", values: { count: 1, line: 6, excerpt: "+49…" } },
    { id: "private.secret", values: { count: 1, line: 8, excerpt: "hf_…" } },
  ]);
});

// With a quadratic search each would take minutes.
const UNITS = [
  "a|@|a@a.| me@here.org|2|+1 2 |+49 30 901820\n|(212) |tel |tel: 1(2|eyJ|eyJaaaaaaaa.|sk-proj-|xoxb-|AKIA2222222222222222",
  "-----BEGIN PRIVATE KEY-----|://a:b@|\n| |01719018234 |DE89 |AB12|ab12 cd34 |4111 1111 |password=|secret:|PASSWORD=a1",
  'a@b=\n|@ü.|:AA|MAAAA|.aaaaaa.|31/12/2021, 23:59 - |"from_id": "|12345678 |<|[31/12/2021, 11:59 |\u200e<|*|.',
].flatMap((row) => row.split("|"));
test("the time is linear for any text", { timeout: 60_000 }, async () => {
  for (const unit of UNITS) {
    const text = unit.repeat(100_000 / unit.length);
    privateIn(text);
    await read(`31/12/2021, 23:59 - A: ${text}\n31/12/2021, 23:59 - B: b\n31/12/2021, 23:59 - B: ${LONG}`);
  }
});

test("the examples can be read, and hold nothing private", async () => {
  const found = await Promise.all(EXAMPLES.map(async (each) => read(await fetchExample(each))));
  for (const { name, origin } of EXAMPLES) assert.ok(name.id in ENGLISH && origin.id in ENGLISH);
  for (const { characters } of found) assert.ok(characters > 2500);
  const things = found.map((each) => each.private);
  assert.deepEqual(things, [[], [], [{ id: "private.conversation" }]]);
});
