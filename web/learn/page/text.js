// The actions of the field for the text to train on: it is typed, pasted, picked, dropped, or one of the examples.

import { render, t } from "../../document/words.js";
import { Refusal } from "../../engines/refusal.js";
import { fetchExample } from "../corpus/examples.js";
import { readText } from "../corpus/read.js";
import { set, state } from "./state.js";

const TYPING_MS = 400; // after the last change of the field

let timer = 0;

/** Notes what the field contains, and reads it soon. @param {string} text */
export function type(text) {
  set({ typed: text });
  clearTimeout(timer);
  timer = +setTimeout(() => read({ source: text }), TYPING_MS);
}

/** Reads a file, or a text that was dropped. @param {Blob | string} source @param {string} [name] */
export function take(source, name) {
  clearTimeout(timer);
  state.typed.value = "";
  return read({ source, name });
}

/** Reads one of the examples. @param {(typeof import("../corpus/examples.js").EXAMPLES)[number]} example */
export async function takeExample(example) {
  const name = render(example.name);
  try {
    await take(await fetchExample(example), name);
  } catch (error) {
    set({ fault: { id: "text.unreadable", values: { name, reason: error.message } } });
  }
}

/** Reads the text again: as a chat or not, and as the chat of another sender. @param {{chat: boolean, replyAs?: string}} options */
export function readAgain(options) {
  return read(state.given.value, options);
}

// Reads a text, which replaces the one before; a later call cancels this one.
/** @param {import("./state.js").Given} given @param {{chat?: boolean, replyAs?: string}} [options] */
async function read(given, options = {}) {
  const mayBeChat = given === state.given.value && state.mayBeChat.value;
  set({ given, isReading: true });
  const name = given.name ?? t("train.text"); // the messages about a text begin with it
  let [found, fault] = [null, null];
  try {
    if (given.source !== "") found = await readText(given.source, { name, ...options });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    fault = error.reason;
  }
  if (given !== state.given.value) return;
  const text = found && { ...found, name: given.name ?? t("train.own_name") };
  set({ text, mayBeChat: mayBeChat || Boolean(found?.chat), isReading: false, message: null, fault });
}

/** Takes a file or a text that is dropped. @param {DragEvent} event */
export function drop(event) {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  const text = event.dataTransfer.getData("text/plain");
  if (file) take(file, file.name);
  else if (text) take(text);
}

/** A text's name inside a sentence: "your text" if it was typed or pasted. @param {string} name @returns {string | import("../../engines/engine.js").Message} */
export function called(name) {
  return name === t("train.own_name") ? { id: "train.your_text" } : name;
}
