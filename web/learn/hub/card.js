// Makes what is published of a model: its files without what the visitor keeps private, its card, and its Space's card.

import { sha256 } from "../../engines/engine.js";
import { CONFIG, MANIFEST, WEIGHTS, parametersOf } from "../../worker/checkpoint.js";
import { jsonBytes } from "../checkpoint_files.js";

const CREATIVE_COMMONS = ["cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0"];
/** Licences of the text that the page offers, by their names on the Hub. The first one is the default. */
export const LICENSES = ["unknown", ...CREATIVE_COMMONS, "mit", "apache-2.0", "other"];

const SENT = [CONFIG, MANIFEST, WEIGHTS, "cells.json", "samples.jsonl"];
const TAGS = ["char-lstm", "lstm", "character-level", "text-generation", "pytorch"];
const SPACE_TAGS = ["text-generation", "lstm", "char-rnn"];
// The facts about a training in config.json that do not tell anything about the text.
const FIGURES = ["step", "seconds", "val_loss", "corpus_characters", "validation_characters"];
const UNNAMED = new Set([...FIGURES, "machine", "recipe", "from"]);
const MAX_TITLE = 60; // characters
const DESCRIPTION = "Watch a character LSTM write, one letter at a time"; // at most 60 characters

/**
 * @typedef {Record<string, Uint8Array<ArrayBuffer>>} Files by name
 * @typedef {object} About what the visitor says of a model
 * @property {string} title
 * @property {string} corpus the name of the text, "" if it stays private
 * @property {string} license of the text, one of LICENSES
 *
 * @typedef {{repo: string, space: string, hub: string}} Place user/name of the model and of its Space, which is "" without
 *   one; the address of the Hub
 * @typedef {{code: string, notebook: any}} Plain how to write with a model in PyTorch, with placeholders for its names
 */

/**
 * Returns the files of a model; their config.json has the repo, the licence, and the name of the text. If the text stays
 * private, it has the title instead, and nothing else that names the text.
 * @param {Files} files
 * @param {About} about
 * @param {string} repo user/name
 * @returns {Promise<Files>}
 */
export async function publishedFiles(files, { title, corpus, license }, repo) {
  const config = configOf(files);
  const { training } = config;
  const kept = corpus
    ? { ...training }
    : Object.fromEntries(Object.entries(training).filter(([name]) => UNNAMED.has(name)));
  if (`${kept.from ?? ""}`.startsWith("local/")) delete kept.from; // named after a text; only this browser has the model
  const changed = jsonBytes({ ...config, training: { ...kept, corpus: corpus || line(title), license, repo } });
  const manifest = JSON.parse(new TextDecoder().decode(files[MANIFEST]));
  manifest.sha256[CONFIG] = await sha256(changed);
  const sent = SENT.filter((name) => name in files).map((name) => [name, files[name]]);
  return { ...Object.fromEntries(sent), [CONFIG]: changed, [MANIFEST]: jsonBytes(manifest) };
}

/**
 * Returns the model's card, README.md.
 * @param {Files} files as they are published
 * @param {About} about
 * @param {Place} place
 * @param {Plain} plain
 */
export function modelCard(files, about, place, plain) {
  const { repo, space, hub } = place;
  const { training, vocab, chat, embedding_size: embedding, hidden_size: cells, num_layers: layers } = configOf(files);
  const data = {
    library_name: "char-lstm",
    pipeline_tag: "text-generation",
    license: about.license,
    tags: TAGS,
    model_name: line(about.title),
    ...(isRepo(training.from) ? { base_model: training.from.split("@")[0], base_model_relation: "finetune" } : {}),
  };
  const amount = training.corpus_characters ? ` (${count(training.corpus_characters)} characters)` : "";
  const text = about.corpus ? `the text ${escape(about.corpus)}` : "a text that its author does not name";
  const terminal = ["pip install char-lstm", `char-lstm generate ${chat ? "Hello --chat " : ""}--model ${repo}`];
  const python = [
    "from char_lstm import CharLSTM, generate",
    `lm = CharLSTM.from_pretrained("${repo}")`,
    `print(generate(lm, ${chat ? 'lm.chat.wrap("Hello"), stop=lm.chat.stop' : '""'}, length=500, seed=1))`,
  ];
  const losses = typeof training.val_loss === "number" ? evaluation(training) : "Nothing was measured.";
  const isStated = about.license !== "unknown";
  const stated = isStated ? `The licence of the text: ${about.license}.` : "The licence of the text was not stated.";
  const times = layers > 1 ? `${layers} × ` : "";
  const minutes = training.seconds ? ` in ${(training.seconds / 60).toFixed(1)} minutes` : "";
  return document(data, about.title, [
    `A character LSTM, trained in a browser on ${text}${amount}. It continues a text in the same style, one character at a time. It has ${count(parametersOf({ vocab: vocab.length, embedding, hidden: cells, layers }))} parameters: ${count(vocab.length)} characters, embeddings of size ${count(embedding)}, ${times}${count(cells)} LSTM cells.`,
    ...(space ? [`[A page that writes with this model](${hub}/spaces/${space})`] : []),
    `## Use\n\nWith [char-lstm](https://pypi.org/project/char-lstm/), the project that made it:\n\n${block("bash", terminal)}`,
    `In Python:\n\n${block("python", python)}`,
    `Without it, in PyTorch alone, after \`hf download ${repo} --local-dir ${nameOf(repo)}\`; [notebook.ipynb](notebook.ipynb) continues from here, also in Colab:\n\n${block("python", [filled(plain.code, files, place)])}`,
    `## Evaluation\n\n${losses}`,
    `## Memorisation\n\nThe model can reproduce passages of its training text word for word, including names and addresses. Give it only to people who may have the text, and do not treat what it writes as fact. ${stated}`,
    ...(training.step ? [`## Training\n\n${count(training.step)} steps${minutes}.`] : []),
  ]);
}

/** Returns the notebook for a model. @param {Files} files @param {Place} place @param {Plain} plain */
export function notebook(files, place, plain) {
  const cells = plain.notebook.cells.map((cell) => ({ ...cell, source: filled(cell.source, files, place) }));
  return jsonBytes({ ...plain.notebook, cells });
}

// Returns a text of training/card/notebook.py with the names of a model, and a prompt that the model knows.
function filled(text, files, { repo, hub }) {
  const { vocab, chat } = configOf(files);
  const prompt = chat?.suffix || ["\n", " "].find((character) => vocab.includes(character)) || vocab[0];
  const values = [
    ["HUB/USER/NAME", `${hub}/${repo}`],
    ["USER/NAME", repo],
    ["'NAME'", JSON.stringify(nameOf(repo))],
    ["'PROMPT'", JSON.stringify(prompt).replaceAll("`", "\\x60")], // a literal of Python
  ];
  return values.reduce((/** @type {string} */ filled, [name, value]) => filled.replaceAll(name, () => value), text);
}

/** Returns the README.md of a static Space that writes with a model. @param {About} about @param {string} repo of the model */
export function spaceCard(about, repo) {
  const data = {
    title: line(about.title).slice(0, MAX_TITLE),
    emoji: "✒️",
    colorFrom: "indigo",
    colorTo: "yellow",
    sdk: "static",
    app_file: "index.html",
    short_description: DESCRIPTION,
    license: "apache-2.0",
    tags: SPACE_TAGS,
    models: [repo],
    hf_oauth: true,
    hf_oauth_scopes: ["contribute-repos"], // creates repos and writes to those; sees no others
  };
  return document(data, about.title, [
    "This page runs in the visitor's browser: [index.html](index.html) downloads the weights beside it, checks them, and generates. What is typed does not leave the browser.",
    `The code is under Apache-2.0; the licence of the text that the model was trained on: ${about.license}.`,
  ]);
}

/** Returns the content of config.json. @param {Files} files @returns {any} */
export function configOf(files) {
  return JSON.parse(new TextDecoder().decode(files[CONFIG]));
}

function document(data, title, parts) {
  const fields = Object.entries(data).map(([name, value]) => `${name}: ${JSON.stringify(value)}`); // JSON is YAML
  return `---\n${fields.join("\n")}\n---\n\n# ${escape(title)}\n\n${parts.join("\n\n")}\n`;
}

function evaluation({ val_loss: loss, validation_characters: characters }) {
  const part = characters ? `${count(characters)} characters at the end of the text` : "the end of the text";
  return `Held-out loss: ${loss.toFixed(4)} nats per character, ${(loss / Math.LN2).toFixed(3)} bits per character, measured on ${part}, which the model was not trained on. It is the lowest of several measurements, so it is slightly optimistic.`;
}

const block = (language, lines) => `\`\`\`${language}\n${lines.join("\n")}\n\`\`\``;
const nameOf = (repo) => repo.split("/")[1];
const count = (value) => Math.round(value).toLocaleString("en-US");
const isRepo = (name) => /^[\w.-]+\/[\w.-]+(@.*)?$/.test(`${name ?? ""}`);

// One line without control characters and direction marks.
function line(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
}

function escape(text) {
  return line(text).replace(/[\\`*_{}[\]()#+.!|<>&~-]/g, "\\$&");
}
