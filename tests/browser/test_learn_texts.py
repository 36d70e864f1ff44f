"""The worker that reads a text to train on, in a real browser; tests/unit/web/learn/texts.test.js has what it reads."""

from playwright.sync_api import Page

READ = """async (line) => {
  const { readText } = await import("./learn/corpus/read.js");
  const source = new Blob([line.repeat(5_000_000 / line.length)]);
  let [turns, done] = [0, false];
  const reading = readText(source, { name: "x" }).finally(() => (done = true));
  while (!done) { await new Promise((go) => setTimeout(go)); turns++; }
  const { characters, private: found } = await reading;
  return { turns, characters, ids: found.map((each) => each.id) };
}"""
REFUSE = """async () => {
  const { readText } = await import("./learn/corpus/read.js");
  let ended = false;
  readText("ab c".repeat(3_000_000), { name: "x" }).then(() => (ended = true));
  const refused = await readText("abc", { name: "x" }).catch(({ reason }) => reason.id);
  return [ended, refused];
}"""


def test_the_page_stays_smooth_while_a_large_text_is_read(web_page: Page) -> None:
    """The main thread has no task of its own meanwhile: messages to itself are answered all the time."""
    line = "On 3/4/1848 Ada paid 12.50 for it; write to ada@kurz.de, or call 0171 9018234.\n"
    found = web_page.evaluate(READ, line)
    assert found["characters"] == 5_000_000 // len(line) * len(line)
    assert sorted(found["ids"]) == ["private.email", "private.phone"]
    assert found["turns"] > 20


def test_a_reading_ends_with_the_next_one_or_a_refusal(web_page: Page) -> None:
    assert web_page.evaluate(REFUSE) == [False, "text.too_short"]
