import assert from "node:assert/strict";
import { test } from "node:test";

import { publish, refusalOf } from "../../../../web/learn/hub/publish.js";
import { finishSignIn, session } from "../../../../web/learn/hub/sign_in.js";
import { HubApiError } from "../../../../web/vendor/huggingface_hub.js";

const HUB = "https://hub.example";
const WANTED = {
  token: "hf_token",
  repo: "letters",
  files: {},
  card: { title: "Letters", corpus: "", license: "unknown" },
  isPrivate: true,
  space: "",
  preview: async () => null,
  hub: HUB,
};

function refused(status, error = "", url = `${HUB}/api/models/ada/letters/commit/main`) {
  const answer = new HubApiError(url, status);
  answer.data = { error };
  const { id, values } = refusalOf(answer, "ada/letters").reason;
  assert.equal(values.repo, "ada/letters");
  return id;
}

// A Hub that never answers, and what was asked of it.
function silentHub(context) {
  const asked = [];
  context.mock.method(globalThis, "fetch", (address, { signal }) => {
    asked.push(address);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  return asked;
}

test("an answer of the Hub becomes a message that says what to do", () => {
  const ids = {
    401: "token",
    402: "quota",
    403: "forbidden",
    404: "missing",
    412: "changed",
    418: "refused",
    429: "rate",
    500: "hub_fault",
  };
  for (const [status, id] of Object.entries(ids)) assert.equal(refused(Number(status)), `publish.${id}`);
  assert.equal(refused(403, "Private repository storage limit reached"), "publish.quota");
  assert.equal(refused(403, "You have reached the maximum number of Spaces"), "publish.limit");
  for (const url of ["", "https://storage.example/a?Expires=1"])
    assert.equal(refused(403, "Request has expired", url), "publish.expired");
});

test("a network that answers instead of the Hub, or not at all, is named", () => {
  let error = new TypeError("Failed to fetch");
  assert.equal(refusalOf(error, "").reason.id, "publish.offline");
  assert.equal(refusalOf(new Error(""), "").reason.id, "publish.offline");
  try {
    JSON.parse("<!doctype html>");
  } catch (fault) {
    error = fault;
  }
  assert.equal(refusalOf(error, "").reason.id, "publish.portal");
  const other = new TypeError("x is not a function");
  assert.equal(refusalOf(other, ""), other);
});

test("a Hub that does not answer for a minute ends the publishing", async (context) => {
  const asked = silentHub(context);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const publishing = publish(WANTED, () => {});
  context.mock.timers.tick(60_000);
  await assert.rejects(publishing, { reason: { id: "publish.silent" } });
  assert.equal(asked.length, 1);
});

test("a publishing that is cancelled ends at once, with the reason of the one who cancelled", async (context) => {
  const asked = silentHub(context);
  const controller = new AbortController();
  const publishing = publish(WANTED, () => {}, controller);
  const reason = new Error("cancelled");
  controller.abort(reason);
  await assert.rejects(publishing, reason);
  assert.equal(asked.length, 1);
});

test("a bad token or name is refused before anything is created", async (context) => {
  const asked = silentHub(context);
  const refuses = (wanted, id) =>
    assert.rejects(
      publish({ ...WANTED, ...wanted }, () => {}),
      { reason: { id } },
    );
  for (const token of ["", "secret", "hf_", "hf_a b"]) await refuses({ token }, "publish.token_form");
  assert.deepEqual(asked, []);
  let role = "read";
  const answer = () => Response.json({ name: "ada", auth: { accessToken: { role } } });
  globalThis.fetch.mock.mockImplementation(async (address) => (asked.push(address), answer()));
  await assert.rejects(
    publish(WANTED, () => {}),
    { reason: { id: "publish.read_only", values: { name: "ada" } } },
  );
  role = "write";
  for (const repo of ["", "a b", "möwe", "a/b/c", "-a", "a..b", "x".repeat(97), "../a"])
    await assert.rejects(
      publish({ ...WANTED, repo }, () => {}),
      { reason: { id: "publish.name", values: { name: repo } } },
    );
  assert.deepEqual([...new Set(asked.map((address) => new URL(address).pathname))], ["/api/whoami-v2"]);
});

test("a Hub that does not answer does not keep the page from starting after a sign-in", async (context) => {
  const asked = [];
  const [state, form] = [JSON.stringify({ nonce: "n" }), { model: "local/letters", fields: {} }];
  const kept = JSON.stringify({ nonce: "n", codeVerifier: "v", back: "#train", form });
  Object.assign(globalThis, {
    sessionStorage: { getItem: () => kept, removeItem: () => {} },
    location: { href: `https://page.example/?code=c&state=${encodeURIComponent(state)}`, pathname: "/" },
    history: { replaceState: () => {} },
  });
  context.mock.method(globalThis, "fetch", (address) => new Promise(() => asked.push(address)));
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const signingIn = finishSignIn(HUB);
  while (!asked.length) await new Promise(setImmediate);
  context.mock.timers.tick(30_000);
  await signingIn;
  assert.deepEqual([session.token, session.fault, session.filledIn], ["", { id: "publish.silent" }, form]);
});
