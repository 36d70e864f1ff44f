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
  firstWords: async () => "",
  hub: HUB,
};

// A Hub that never answers, and what was asked of it.
function silentHub(context) {
  const asked = [];
  context.mock.method(globalThis, "fetch", (address, { signal }) => {
    asked.push(address);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  return asked;
}

test("an error of the Hub, or of the network, becomes a message", () => {
  const refused = (status, error = "") => {
    const answer = new HubApiError(`${HUB}/api/models/ada/letters/commit/main`, status);
    answer.data = { error };
    return refusalOf(answer, "ada/letters").reason;
  };
  assert.equal(refused(401).id, "publish.token");
  assert.deepEqual(refused(500).values, { repo: "ada/letters", reason: "HTTP 500" });
  assert.equal(refused(403, "storage limit\n reached").values.reason, "storage limit reached");
  for (const error of [new TypeError("Failed to fetch"), new Error(""), new SyntaxError("Unexpected token <")])
    assert.equal(refusalOf(error, "").reason.id, "publish.offline");
  const other = new TypeError("x is not a function");
  assert.equal(refusalOf(other, ""), other);
});

test("a sign-in ends when the Hub is silent", async (context) => {
  silentHub(context);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const storage = { getItem: () => JSON.stringify({ nonce: "n", back: "#train", form: null }), removeItem() {} };
  const browser = { sessionStorage: storage, location: { href: HUB, pathname: "/" }, history: { replaceState() {} } };
  for (const [name, value] of Object.entries(browser))
    Object.defineProperty(globalThis, name, { value, configurable: true });
  const finishing = finishSignIn(HUB);
  context.mock.timers.tick(30_000);
  await finishing;
  assert.deepEqual([session.token, session.fault.id], ["", "publish.offline"]);
});

test("a bad token or name is refused before anything is created", async (context) => {
  const asked = silentHub(context);
  const { signal } = new AbortController();
  const refuses = async (wanted, reason) => {
    const publishing = publish({ ...WANTED, ...wanted }, () => {}, signal);
    await assert.rejects(publishing, { reason });
  };
  for (const token of ["", "secret", "hf_", "hf_a b"]) await refuses({ token }, { id: "publish.token_form" });
  assert.deepEqual(asked, []);
  let role = "read";
  const answer = () => Response.json({ name: "ada", auth: { accessToken: { role } } });
  globalThis.fetch.mock.mockImplementation(async (address) => (asked.push(address), answer()));
  await refuses({}, { id: "publish.read_only", values: { name: "ada" } });
  role = "write";
  for (const repo of ["", "a b", "möwe", "a/b/c", "-a", "a..b", "x".repeat(97), "../a"])
    await refuses({ repo }, { id: "publish.name", values: { name: repo } });
  assert.deepEqual([...new Set(asked.map((address) => new URL(address).pathname))], ["/api/whoami-v2"]);
});
