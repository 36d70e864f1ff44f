// The .zip and the folder of a model: opened in the browser, and refused if they are bad.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { filesOf, zipOf } from "../../../../web/learn/archive.js";
import { zipSync } from "../../../../web/vendor/fflate.js";

const url = (path) => new URL(`../../../../${path}`, import.meta.url);
const ENGLISH = JSON.parse(readFileSync(url("web/languages/en.json"), "utf8"));
const NAMES = ["config.json", "manifest.json", "model.safetensors", "cells.json", "samples.jsonl"];
const FILES = Object.fromEntries(
  NAMES.map((name) => [name, readFileSync(url(`tests/vectors/run/step-00000400/${name}`))]),
);

/** Returns a .zip of files in a folder, of level 0 (stored) to 9. */
const zip = (files, { folder = "model/", level = 6 } = {}) =>
  Buffer.from(
    zipSync(Object.fromEntries(Object.entries(files).map(([name, data]) => [folder + name, [data, { level }]]))),
  );

/** Opens one file, or several as those of a folder: the names of the model's files, or the id of the refusal. */
async function opened(...files) {
  const given = files.map(([name, data]) => new File([data], name));
  try {
    return Object.keys(await filesOf(given.length === 1 ? given[0] : given)).sort();
  } catch (error) {
    assert.ok(error.reason?.id in ENGLISH, `${error}`);
    return error.reason.id;
  }
}

const withFiles = (more) => zip({ ...FILES, ...more });

/** Returns a .zip with other bytes at a place. */
function patched(data, at, bytes) {
  const copy = Buffer.from(data);
  copy.set(bytes, at);
  return copy;
}

const directory = (data) => data.indexOf("PK\x01\x02"); // where its first entry begins

/** Returns a .zip whose directory gives another size of the first file than it has. */
function withSize(data, size) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(size);
  return patched(data, directory(data) + 24, bytes);
}

const config = FILES["config.json"];
const BAD = {
  empty: ["files.damaged", () => Buffer.alloc(0)],
  text: ["files.damaged", () => Buffer.from("hello ".repeat(100))],
  cut: ["files.damaged", () => zip(FILES).subarray(0, -40)],
  "without a beginning": ["files.none", () => zip(FILES).subarray(100)],
  "no model": ["files.none", () => zip({ "notes.txt": Buffer.from("hello") })],
  lzma: ["files.damaged", () => patched(zip(FILES), directory(zip(FILES)) + 10, [14])],
  "large config": ["files.no_checkpoint", () => zip({ "config.json": Buffer.alloc(17 << 20, " ") })],
  bomb: [
    "files.unpacked",
    () => withSize(zip({ "model.safetensors": Buffer.alloc(9), "config.json": config }), 257 << 20),
  ],
  "size too small": ["files.no_checkpoint", () => withSize(zip(FILES), 500)],
  "no manifest": ["files.no_checkpoint", () => withFiles({ "manifest.json": Buffer.from("{}") })],
  "other weights": [
    "files.no_checkpoint",
    () => withFiles({ "model.safetensors": patched(FILES["model.safetensors"], 40_000, [1]) }),
  ],
  "not all files": [
    "files.no_checkpoint",
    () => zip({ "config.json": config, "manifest.json": FILES["manifest.json"] }),
  ],
};
for (const [name, [expected, make]] of Object.entries(BAD)) {
  test(`a bad .zip is refused: ${name}`, async () => assert.equal(await opened(["model.zip", make()]), expected));
}

test("a .zip of another program and the files of a folder are opened", async () => {
  const more = {
    "README.md": Buffer.from("# A model"),
    "__MACOSX/._config.json": Buffer.from("x"),
    "notes.txt": config,
  };
  for (const folder of ["", "model/", "some/where/"]) {
    for (const level of /** @type {const} */ ([0, 6])) {
      const packed = zip({ ...FILES, ...more }, { folder, level });
      assert.deepEqual(await opened(["model.zip", packed]), ["README.md", ...NAMES].sort());
    }
  }
  assert.deepEqual(await opened(...Object.entries(FILES), ["notes.txt", ""]), [...NAMES].sort());
  const itself = Buffer.from(await zipOf(FILES, "words").arrayBuffer());
  assert.deepEqual(await opened(["words.zip", itself]), [...NAMES].sort());
});

test("files of a folder are refused as those of a .zip", async () => {
  assert.equal(await opened(["a.txt", "1"], ["b.txt", "2"]), "files.none");
  const { hidden_size: size, ...rest } = JSON.parse(config);
  const other = { ...FILES, "config.json": JSON.stringify({ ...rest, hidden_size: size + 1 }) };
  assert.equal(await opened(...Object.entries(other)), "files.no_checkpoint");
});
