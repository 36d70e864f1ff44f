"""Conversations in the browser's IndexedDB: they are moved there, kept apart between tabs, listed and removed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.driving import forget

# An older page's conversation in localStorage, with the list of replies that such a page stored.
OLD: dict[str, Any] = json.loads(
    """{
      "version": 1, "id": "old", "changed": 5, "here": 1, "undone": [], "held": {"model": "m", "cells": []},
      "controls": {"temperature": "0.8"},
      "turns": [{
        "id": 1, "parent": 0, "replaced": 0, "prompt": "ROMEO:", "shared": false, "check": [],
        "replies": [{
          "model": {"name": "m", "commit": ""}, "second": null, "fresh": true, "start": false, "given": "ROMEO:",
          "chat": false, "before": "", "notices": [],
          "parts": [{"settings": {"seed": 1, "length": 3}, "draw_offset": 0, "cells": [], "text": " So",
            "end": "length", "picked": false, "rate": 9, "error": null}]
        }]
      }]
    }"""
)
MODULES = """
  const { Storage, parseLog } = await import("/conversation/stored_conversations.js");
  const { addTurn, emptyLog } = await import("/conversation/log.js");
  const [{ reply }] = parseLog(OLD).turns;
  const say = (log, prompt) => addTurn(log, { parent: log.here, prompt, reply: { ...reply, fresh: !log.here } });
  const written = (prompt) => {
    const log = emptyLog();
    say(log, prompt);
    return log;
  };
  const texts = async (storage) => (await storage.list()).map(({ text }) => text);
"""


@pytest.fixture
def page(web_page: Page) -> Iterator[Page]:
    yield web_page
    forget(web_page)


def run(page: Page, body: str) -> Any:
    """Run a function body in a page with the modules; returns its result."""
    return page.evaluate(f"async () => {{ const OLD = {json.dumps(OLD)}; {MODULES} {body} }}")


def test_conversations_of_an_older_page_are_moved_into_the_database(page: Page) -> None:
    """Invalid ones are skipped, there and in the database, and stay where they are."""
    found = run(
        page,
        """
        localStorage.setItem("char-lstm/conversation/old", JSON.stringify({ revision: "r", log: OLD }));
        const bad = { ...OLD, id: "bad", turns: [{}] };
        localStorage.setItem("char-lstm/conversation/bad", JSON.stringify({ revision: "r", log: bad }));
        localStorage.setItem("char-lstm/conversation/none", "{");
        const storage = await Storage.open();
        await storage.database.put("conversations", { id: "bad", revision: "r", changed: 1, log: bad });
        const [listed] = await storage.list();
        return [await texts(storage), listed.changed, await storage.load("bad"), (await storage.load("old")).turns[0]];
        """,
    )
    turn = {**OLD["turns"][0]}
    [turn["reply"]] = turn.pop("replies")
    assert found == [["ROMEO: So"], 5, None, turn]
    left = "Object.keys(localStorage).map((key) => key.split('/').pop()).sort()"
    assert page.evaluate(left) == ["bad", "none"]  # what this version cannot read stays for one that can


def test_more_than_a_hundred_conversations_remove_the_oldest(page: Page) -> None:
    found = run(
        page,
        """
        const storage = await Storage.open();
        const { store, done } = storage.database.transaction("conversations", "readwrite");
        const log = written("old");
        for (let n = 0; n < 100; n++)
          store.put({ id: `${n}`, revision: "r", changed: n, log: { ...log, id: `${n}`, changed: n } });
        await done;
        await storage.save(written("new"));
        const ids = await storage.ids();
        return [ids.length, ids.includes("0"), ids.includes("1"), (await texts(storage))[0]];
        """,
    )
    assert found == [100, False, True, "new So"]


def test_a_conversation_that_could_not_be_saved_once_is_not_stored_twice(page: Page) -> None:
    found = run(
        page,
        """
        const storage = await Storage.open();
        const log = written("one");
        const { put } = IDBObjectStore.prototype;
        const saved = [];
        for (const isFull of [false, true, false]) {
          IDBObjectStore.prototype.put = isFull ? () => { throw new DOMException("", "QuotaExceededError"); } : put;
          say(log, "more");
          saved.push(await storage.save(log));
        }
        return [saved, (await storage.ids()).length, await new Storage(null).save(log)];
        """,
    )
    assert found == [[True, False, True], 1, False]


def test_a_prompt_that_was_typed_and_deleted_does_not_end_the_storing(page: Page) -> None:
    found = run(
        page,
        """
        const storage = await Storage.open();
        const log = emptyLog();
        for (const draft of ["ROMEO:", ""]) {
          log.controls.draft = draft;
          await storage.save(log);
        }
        say(log, "JULIET:");
        await storage.save(log);
        return await texts(storage);
        """,
    )
    assert found == ["JULIET: So"]
