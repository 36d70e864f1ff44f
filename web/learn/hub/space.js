// The files of a static Space that writes with a model: those of this page, and the model's beside them.

import { t } from "../../document/words.js";
import { Refusal } from "../../engines/refusal.js";

const LIST = "files.json"; // the files of the page, see training/hub/space_files.py
const INSERTED = /(<head[^>]*>)<script>window\.huggingface=.*?<\/script>/s; // by the Hub, into the page of a static Space
const TITLE = /(<title>|<meta property="og:title" content="|<h1>)[^"<]*/g;
const DESCRIPTION = /(<meta (?:name="|property="og:)description" content=")[^"]*/g;
const PICTURE = /(<meta property="og:image" content=")[^"]*(preview\.png")/;
const SPACE = /(<html[^>]* data-space=")[^"]*/; // the Space of this page
const WELCOME = /(<p class="lead">)[^<]*(<\/p>.*?<span class="reply"[^>]*>)[^<]*/s; // of the model beside this page

/**
 * Returns the files of the page by name.
 * @param {string} title of the new page, also for link previews
 * @param {string} firstWords of the model, for link previews; may be ""
 * @param {string} space user/name of the Space that they are for
 * @param {typeof fetch} request fetches a file
 * @returns {Promise<Record<string, Blob>>}
 * @throws {Refusal} they cannot be fetched
 */
export async function pageFiles(title, firstWords, space, request) {
  const fetchFile = (name) => pageFile(name, request);
  const listed = JSON.parse(await (await fetchFile(LIST)).text());
  const names = [...listed, LIST].filter((name) => name !== "LICENSE");
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await fetchFile(name)])));
  const page = (await files["index.html"].text())
    .replace(INSERTED, "$1")
    .replace(PICTURE, "$1$2")
    .replace(SPACE, `$1${space}`)
    .replace(TITLE, `$1${escaped(title)}`)
    .replace(DESCRIPTION, `$1${escaped(firstWords || t("static.greeting"))}`)
    .replace(WELCOME, "$1$2");
  const licence = await fetchFile("LICENSE").catch(() => null); // the app's page has none beside it
  return { ...files, "index.html": new Blob([page]), ...(licence ? { LICENSE: licence } : {}) };
}

/**
 * Fetches a file of this page.
 * @param {string} name
 * @param {typeof fetch} request
 * @throws {Refusal} it cannot be fetched
 */
export async function pageFile(name, request) {
  const response = request(new URL(`../../${name}`, import.meta.url), { cache: "no-cache" });
  const file = await response.then((found) => (found.ok ? found.blob() : null)).catch(() => null);
  if (!file) throw new Refusal({ id: "publish.no_page", values: { name } });
  return file;
}

/** Returns a text as HTML, for the second argument of replace, where $ has a meaning. @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replaceAll("$", "$$$$");
}
