"""An export of each messenger, invented for the test: what is read, and what is left out by which name."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from training.corpus.chats.format_list import chat_kind
from training.corpus.chats.formats.json_messages import conversations
from training.corpus.chats.message import Message
from training.corpus.chats.phrases import _DELETED
from training.corpus.chats.reader import ChatReader


@dataclass(frozen=True)
class Export:
    """A fixture: the file, what it is recognised as, its turns, and how many messages are left out by reason."""

    text: str
    kind: str
    turns: str
    left_out: dict[str, int] = field(default_factory=dict)


def as_json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def as_lines(*values: object) -> str:
    return "\n".join(map(json.dumps, values))


def telegram(who: str, text: object, **more: Any) -> dict[str, Any]:
    return {"id": 1, "type": "message", "from": who, "text": text, **more}


def slack(user: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": "1699168000.000100", **more}


def discord(who: str, text: str, kind: str = "Default", **more: Any) -> dict[str, Any]:
    return {"type": kind, "content": text, "author": {"name": who.lower() + "99", "nickname": who}, **more}


def gpt(node: str, parent: str | None, role: str, *parts: object, kind: str = "text") -> tuple[str, dict[str, Any]]:
    message = {"author": {"role": role}, "content": {"content_type": kind, "parts": [*parts]}}
    return node, {"id": node, "parent": parent, "message": message}


def mojibake(text: str) -> str:
    return text.encode().decode("latin-1")


WHATSAPP, TELEGRAM, SLACK = "a WhatsApp export", "a Telegram export", "a Slack export"
EXPORTS = {
    "WhatsApp, Android": Export(
        "05/11/2023, 07:00 - Messages and calls are end-to-end encrypted.\n"
        "05/11/2023, 07:01 - Priya: Who drives?\nI have a map\n"
        "05/11/2023, 07:02 - Oskar: <Media omitted>\n05/11/2023, 07:02 - Oskar: null\n"
        "05/11/2023, 07:03 - Oskar: POLL:\nTea?\nOPTION: yes (2 votes)\nOPTION: no (0 votes)\n"
        "05/11/2023, 07:04 - Oskar: location: https://maps.google.com/?q=51.5,-0.1\n"
        "05/11/2023, 07:05 - Priya: Waiting for this message. This may take a while.\n"
        "05/11/2023, 07:05 - Priya: Missed voice call\n05/11/2023, 07:06 - Oskar: Me <This message was edited>\n",
        WHATSAPP,
        "Priya: Who drives?\nI have a map\n\nOskar: Me\n",
        {
            "notices": 1,
            "pictures and files": 1,
            "empty": 1,
            "polls": 1,
            "locations": 1,
            "not received": 1,
            "calls": 1,
        },
    ),
    "WhatsApp, iPhone": Export(
        "[05.11.23, 07:00:01] Trip: \u200eMessages and calls are end-to-end encrypted.\n"
        "[05.11.23, 07:00:02] Priya: Hello\n\u200e[05.11.23, 07:00:03] Oskar: \u200eimage omitted\n"
        "\u200e[05.11.23, 07:00:04] Oskar: \u200ePOLL:\nTea?\n\u200eOPTION: yes (\u200e1 vote)\n"
        "\u200e[05.11.23, 07:00:05] Oskar: \u200eLocation: https://maps.google.com/?q=1,2\n"
        "[05.11.23, 07:00:06] Oskar: \u200eThis message was deleted.\n[05.11.23, 07:00:07] Oskar: Hi\n",
        WHATSAPP,
        "Priya: Hello\n\nOskar: Hi\n",
        {"pictures and files": 2, "polls": 1, "locations": 1, "deleted": 1},
    ),
    "signal-export": Export(
        "[2023-11-05 07:04] Me: Aloha\n[2023-11-05 07:05] Priya: ![tea](./media/tea.jpg)\n"
        "[2023-11-05 07:06] Priya: Good\n\n> quoted\n",
        WHATSAPP,
        "Me: Aloha\n\nPriya: Good\n> quoted\n",
        {"pictures and files": 1},
    ),
    "Telegram, one chat": Export(
        as_json(
            {
                "name": "Trip",
                "type": "private_group",
                "id": 7,
                "messages": [
                    {"type": "service", "actor": "Priya", "action": "create_group", "text": ""},
                    {"type": "service", "actor": "Priya", "action": "pin_message", "text": ""},
                    telegram("Priya", ["see ", {"type": "link", "text": "https://example.org"}]),
                    telegram("Oskar", "not mine", forwarded_from="News"),
                    telegram("Oskar", "", poll={"question": "Tea?"}),
                    telegram("Oskar", "", location_information={"latitude": 1}),
                    telegram("Oskar", "", photo="photos/1.jpg"),
                    telegram("Oskar", "yes"),
                ],
            }
        ),
        TELEGRAM,
        "Priya: see https://example.org\n\nOskar: yes\n",
        {"notices": 1, "pins": 1, "forwarded": 1, "polls": 1, "locations": 1, "pictures and files": 1},
    ),
    "Telegram, all chats": Export(
        as_json(
            {
                "chats": {
                    "list": [
                        {"type": "personal_chat", "messages": [telegram("Priya", "one")]},
                        {"type": "personal_chat", "messages": [telegram("Priya", "two"), telegram("Ben", "three")]},
                    ]
                }
            }
        ),
        TELEGRAM,
        "Priya: one\n\nPriya: two\n\nBen: three\n",
    ),
    "Slack, a day of a channel": Export(
        as_json(
            [
                slack("U1", "<@U1> has joined", subtype="channel_join"),
                slack("U1", "Tea &amp; cake, <@U2>?", user_profile={"display_name": "Priya", "real_name": "P. Rao"}),
                slack("U2", "<https://example.org|the shop>\nat 8", user_profile={"real_name": "Oskar"}),
                slack("U2", "", files=[{"name": "tea.png"}], subtype="file_share"),
                slack("U2", "pinned", subtype="pinned_item"),
                slack("U2", "This message was deleted.", subtype="tombstone"),
                slack("", "done", subtype="bot_message", username="build"),
            ]
        ),
        SLACK,
        "Priya: Tea & cake, @U2?\n\nOskar: the shop\nat 8\n\nbuild: done\n",
        {"notices": 1, "pictures and files": 1, "pins": 1, "deleted": 1},
    ),
    "Slack, names by id": Export(as_json([slack("U1", "a"), slack("U2", "b")]), SLACK, "U1: a\n\nU2: b\n"),
    "DiscordChatExporter, JSON": Export(
        as_json(
            {
                "guild": {"id": "1", "name": "Trip"},
                "channel": {"id": "2", "name": "general"},
                "messages": [
                    discord("Priya", "Who drives?"),
                    discord("Priya", "Pinned a message.", "ChannelPinnedMessage"),
                    discord("Oskar", "", attachments=[{"url": "x"}]),
                    discord("Oskar", "Joined the server.", "GuildMemberJoin"),
                    discord("Oskar", "Started a call.", "Call"),
                    discord("Oskar", "", poll={"question": "Tea?"}),
                    discord("Oskar", "theirs", forwardedMessage={"content": "theirs"}),
                    discord("Oskar", "Me", "Reply"),
                ],
            }
        ),
        "a Discord export",
        "Priya: Who drives?\n\nOskar: Me\n",
        {"pins": 1, "pictures and files": 1, "notices": 1, "calls": 1, "polls": 1, "forwarded": 1},
    ),
    "DiscordChatExporter, text": Export(
        f"{'=' * 62}\nGuild: Trip\nChannel: Text / general\n{'=' * 62}\n\n"
        "[11/05/2023 7:04 AM] priya\nWho drives?\n\nand when?\n\n"
        "[11/05/2023 7:05 AM] oskar (pinned)\nMe\n\n{Attachments}\nhttps://example.org/a.png\n\n"
        "[11/05/2023 7:06 AM] oskar\n{Stickers}\nhttps://example.org/s.png\n\n"
        "[11/05/2023 7:07 AM] oskar\nPinned a message.\n\n"
        f"{'=' * 62}\nExported 4 message(s)\n{'=' * 62}\n",
        "a Discord export",
        "priya: Who drives?\nand when?\n\noskar: Me\n",
        {"pictures and files": 1, "pins": 1},
    ),
    "Messenger": Export(
        as_json(
            {
                "participants": [{"name": mojibake("Zoë")}, {"name": "Oskar"}],
                "messages": [
                    {"sender_name": "Oskar", "timestamp_ms": 9, "content": mojibake("schön 👍")},
                    {"sender_name": "Oskar", "timestamp_ms": 8, "content": "Reacted \u00f0 to your message "},
                    {"sender_name": "Oskar", "timestamp_ms": 7, "photos": [{"uri": "1.jpg"}]},
                    {"sender_name": "Oskar", "timestamp_ms": 6, "content": "", "is_unsent": True},
                    {"sender_name": "Oskar", "timestamp_ms": 5, "content": "Oskar called you.", "call_duration": 7},
                    {"sender_name": mojibake("Zoë"), "timestamp_ms": 4, "content": "This poll is no longer available."},
                    {"sender_name": mojibake("Zoë"), "timestamp_ms": 3, "content": mojibake("Tee?")},
                ],
                "title": "Trip",
            }
        ),
        "a Messenger or Instagram export",
        "Zoë: Tee?\n\nOskar: schön 👍\n",
        {"notices": 1, "pictures and files": 1, "deleted": 1, "calls": 1, "polls": 1},
    ),
    "Messenger, encrypted chat": Export(
        as_json(
            {
                "participants": ["Zoë", "Oskar"],
                "messages": [
                    {"senderName": "Zoë", "text": "Tee?", "timestamp": 1, "isUnsent": False, "media": []},
                    {"senderName": "Oskar", "text": "", "timestamp": 2, "media": [{"uri": "1.jpg"}]},
                    {"senderName": "Oskar", "text": "ja", "timestamp": 3},
                ],
            }
        ),
        "a Messenger or Instagram export",
        "Zoë: Tee?\n\nOskar: ja\n",
        {"pictures and files": 1},
    ),
    "Instagram": Export(
        as_json(
            {
                "participants": [{"name": "Mia"}, {"name": "Leo"}],
                "messages": [
                    {"sender_name": "Leo", "timestamp_ms": 4, "content": mojibake("Très bien")},
                    {"sender_name": "Leo", "timestamp_ms": 3, "content": "Liked a message"},
                    {"sender_name": "Leo", "timestamp_ms": 2, "share": {"link": "https://maps.example.org/maps?q=1"}},
                    {"sender_name": "Mia", "timestamp_ms": 1, "content": "Ça va ?".encode().decode("latin-1")},
                ],
            }
        ),
        "a Messenger or Instagram export",
        "Mia: Ça va ?\n\nLeo: Très bien\n",
        {"notices": 1, "locations": 1},
    ),
    "LINE, English": Export(
        "[LINE] Chat history with Priya\nSaved on: 2023/11/05 07:10\n\nSun, 11/05/2023\n"
        "07:04\tPriya\tWho drives?\n07:05\tOskar\t[Sticker]\n07:05\tOskar\t[Location]\n"
        '07:06\tOskar\t"Me.\nAt 8"\n07:07\tOskar unsent a message.\n07:08\tOskar\t☎ Call time 0:12\n'
        "Mon, 11/06/2023\n07:00\tPriya\tGood\n",
        "a LINE export",
        "Priya: Who drives?\n\nOskar: Me.\nAt 8\n\nPriya: Good\n",
        {"pictures and files": 1, "locations": 1, "notices": 1, "calls": 1},
    ),
    "LINE, Japanese": Export(
        "[LINE] 花子とのトーク履歴\n保存日時：2023/11/05 07:10\n\n2023/11/05(日)\n"
        "午前7:04\t花子\tこんにちは\n午前7:05\t太郎\t[スタンプ]\n午前7:06\t太郎\tはい\n",
        "a LINE export",
        "花子: こんにちは\n\n太郎: はい\n",
        {"pictures and files": 1},
    ),
    "Signal, sigtop": Export(
        "Conversation: Priya (+44 7700 900555)\n\n"
        "From: Priya (+44 7700 900555)\nType: incoming\nSent: Sun, 05 Nov 2023 07:04:00 +0000\n\n"
        "Who drives?\n\nAnd when?\n\n"
        "From: You\nType: outgoing\nSent: Sun, 05 Nov 2023 07:05:00 +0000\nAttachment: tea.jpg (image/jpeg)\n\n"
        "From: You\nType: outgoing\nSent: Sun, 05 Nov 2023 07:06:00 +0000\n\nMe\n\n"
        "From: You\nType: call-history\nSent: Sun, 05 Nov 2023 07:07:00 +0000\n",
        "a Signal export",
        "Priya: Who drives?\nAnd when?\n\nYou: Me\n",
        {"pictures and files": 1, "calls": 1},
    ),
    "IRC, irssi": Export(
        "--- Log opened Sun Nov 05 07:00:00 2023\n07:00 -!- anna [~a@host] has joined #trip\n"
        "07:04 <@anna> who drives?\n07:05 < oskar> me\n07:06  * oskar waves\n",
        "an IRC log",
        "anna: who drives?\n\noskar: me\n/me waves\n",
        {"notices": 2},
    ),
    "IRC, brackets": Export(
        "[07:00:00] *** Joins: anna\n[07:04:00] <anna> who drives?\n[07:05:00] <oskar> me\n",
        "an IRC log",
        "anna: who drives?\n\noskar: me\n",
        {"notices": 1},
    ),
    "IRC, WeeChat": Export(
        "2023-11-05 07:00:00\t-->\tanna (~a@host) has joined #trip\n"
        "2023-11-05 07:04:00\t@anna\twho drives?\n2023-11-05 07:05:00\toskar\tme\n",
        "an IRC log",
        "anna: who drives?\n\noskar: me\n",
        {"notices": 1},
    ),
    "ChatGPT": Export(
        as_json(
            [
                {
                    "title": "Tea",
                    "current_node": "e",
                    "mapping": dict(
                        [
                            ("root", {"id": "root", "parent": None, "message": None}),
                            gpt("s", "root", "system", ""),
                            gpt("a", "s", "user", "How long?", {"content_type": "image_asset_pointer"}),
                            gpt("old", "a", "assistant", "An answer that was replaced"),
                            gpt("c", "a", "assistant", "think", kind="thoughts"),
                            gpt("t", "c", "tool", "42"),
                            gpt("e", "t", "assistant", "Three minutes."),
                        ]
                    ),
                }
            ]
        ),
        "an export of ChatGPT",
        "user: How long?\n\nassistant: Three minutes.\n",
        {"system prompts and tools": 3},
    ),
    "Claude": Export(
        as_json(
            [
                {
                    "uuid": "1",
                    "name": "Tea",
                    "chat_messages": [
                        {"sender": "human", "text": "How long?", "content": [{"type": "text", "text": "How long?"}]},
                        {
                            "sender": "assistant",
                            "content": [{"type": "tool_use"}, {"type": "text", "text": "Three minutes."}],
                        },
                        {"sender": "human", "text": "", "content": [], "attachments": [{"file_name": "a.pdf"}]},
                    ],
                },
            ]
        ),
        "an export of Claude",
        "human: How long?\n\nassistant: Three minutes.\n",
        {"pictures and files": 1},
    ),
    "Name: text": Export(
        "Anna: hi\nBen: hello\nand welcome\n\nAnna: https://example.org\nNote: once\n",
        "",
        "Anna: hi\n\nBen: hello\nand welcome\n\nAnna: https://example.org\n\nNote: once\n",
    ),
    "Name: text, long names": Export(
        "The Man in the Moon: hi\nThe Woman in the Sun: ho\nI said it before: no\n"
        "The Man in the Moon: yes\nThe Woman in the Sun: no\n",
        "",
        "The Man in the Moon: hi\n\nThe Woman in the Sun: ho\nI said it before: no\n\n"
        "The Man in the Moon: yes\n\nThe Woman in the Sun: no\n",
    ),
    "Alpaca": Export(
        as_json(
            [
                {"instruction": "Translate", "input": "tea", "output": "Tee"},
                {"instruction": "Greet", "input": "", "output": "Hi"},
                {"instruction": "Be silent", "input": "", "output": ""},
            ]
        ),
        "a data set of instructions",
        "user: Translate\ntea\n\nassistant: Tee\n\nuser: Greet\n\nassistant: Hi\n\nuser: Be silent\n",
        {"empty": 1},
    ),
    "prompt and completion": Export(
        as_lines({"prompt": "Hi", "completion": " Ho\n"}, {"prompt": "Tea?", "completion": "Yes"}),
        "a data set of instructions",
        "user: Hi\n\nassistant: Ho\n\nuser: Tea?\n\nassistant: Yes\n",
    ),
    "question and answer": Export(
        as_lines({"question": "Who?", "answer": "Me"}), "a data set of instructions", "user: Who?\n\nassistant: Me\n"
    ),
    "JSON lines, names": Export(
        as_lines({"speaker": "Anna", "text": "hi"}, {"sender": "Ben", "body": "ho"}, {"user": "Anna", "text": None}),
        "a chat in JSON lines",
        "Anna: hi\n\nBen: ho\n",
        {"empty": 1},
    ),
    "JSON lines, roles": Export(
        as_lines(
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]},
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]},
        ),
        "a chat in JSON lines",
        "user: Hi\n\nhuman: Hi\n\ngpt: Ho\n",
        {"system prompts and tools": 1},
    ),
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_an_export_is_recognised_read_and_what_it_leaves_out_is_named(export: Export) -> None:
    reader = ChatReader(keep_names=True)
    assert reader.read(export.text, "chat") == export.turns
    assert chat_kind(export.text[:10_000]) == export.kind
    total = sum(export.left_out.values())
    counts = total + sum(reader.speakers.values())
    if not total:
        assert reader.warnings == []
        return
    (warning,) = reader.warnings
    head, _, reasons = warning.partition(" (")
    assert head == f"chat: left out {total} of {counts} messages"
    assert {reason: int(times) for reason, times in (each.split(": ") for each in reasons[:-1].split(", "))} == (
        export.left_out
    )


def test_lists_that_are_nested_deeper_than_pythons_stack_are_read() -> None:
    """Python 3.12 and newer parse such JSON; reading it raised RecursionError."""
    nested: object = {"name": "Anna", "text": "Hi"}
    for _ in range(5_000):
        nested = [nested]
    assert list(conversations([nested, nested])) == [[Message("Anna", "Hi")]] * 2


def test_there_are_25_formats() -> None:
    assert len(EXPORTS) >= 25


@pytest.mark.parametrize("phrase", sorted(_DELETED))
def test_a_deleted_message_is_left_out_in_every_language(phrase: str) -> None:
    text = "".join(
        f"1/2/23, 10:00 - {name}: {said}\n" for name, said in [("A", "x"), ("B", phrase), ("B", f"{phrase}.")]
    )
    reader = ChatReader(keep_names=True)
    assert reader.read(text, "chat") == "A: x\n"
    assert reader.warnings == ["chat: left out 2 of 3 messages (deleted: 2)"]
