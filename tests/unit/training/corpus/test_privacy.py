"""What the scan for private data finds, what it leaves alone, how little it repeats, and how long it takes.

The texts in tests/vectors/private.json, all invented, are also for the scan in the browser. They are in parts, which
no secret scanner takes for a leak. `python -m tests.unit.training.corpus.test_privacy` computes the findings again.
"""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from training.corpus.privacy import ACCOUNT, CHAT, EMAIL, PHONE, SECRET, scan, scan_pieces

VECTORS = Path(__file__).parents[3] / "vectors" / "private.json"
STORED: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))
SAMPLES: dict[str, str] = {each["name"]: "".join(each["parts"]) for each in STORED}
PART = 8  # characters
KINDS = {  # of the browser
    EMAIL: "email",
    PHONE: "phone",
    ACCOUNT: "account",
    CHAT: "chat",
    SECRET: "secret",
}
PRIVATE = {each["name"]: SAMPLES[each["name"]] for each in STORED if each["found"]}
TOKENS = [
    PRIVATE[f"{name} token"] for name in ("Hugging Face", "GitHub", "GitLab", "JSON web", "Slack", "Telegram bot")
]
PROSE = """\
In March of 1847 the ship left Bristol with 230 passengers, 14 cows and a doctor. It cost £3,500 to build, and sailed
at 9:30 from pier 7. "Call me at six", she said; he paid 12.50 for it on 3/4/1848, at 51.4545, -2.5879.
"""


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_private_is_found_where_it_is_and_not_repeated(name: str) -> None:
    private, before = PRIVATE[name], PROSE * 3
    first = before.count("\n") + 1
    found = scan(f"{before}{private}\n{PROSE}")
    assert found
    for finding in found:
        assert first <= finding.line <= first + private.count("\n")
        assert len(finding.excerpt.replace("…", "")) < len(private) / 1.4


def vectors() -> list[dict[str, Any]]:
    """Returns all texts, in parts, and the findings in each: [kind, line]."""
    return [
        {
            "name": name,
            "parts": [text[at : at + PART] for at in range(0, len(text), PART)],
            "found": [[KINDS[each.kind], each.line] for each in scan(text)],
        }
        for name, text in SAMPLES.items()
    ]


def test_the_vectors_of_the_browser_are_what_python_finds() -> None:
    assert vectors() == STORED


@pytest.mark.parametrize("around", ["{}", "Call {}.", "({}) at noon", "mine: {}, yours", '"{}"', "Tel. {}\n"])
def test_a_phone_number_is_found(around: str) -> None:
    for number in (
        *("+49 30 901820", "+49 (0)30 90 18 20", "+4915112345987", "+44 1223 334714", "+1 (212) 736-5000"),
        *("+1-212-736-5000", "+12127365000", "+33 6 12 43 65 87", "+7 495 697-03-49", "+86 138 0013 8000"),
        *("(212) 736-5000", "212-736-5000", "212.736.5000", "1-800-736-5000", "06 12 43 65 87", "01.43.65.12.87"),
        *("8 (495) 697-03-49", "(11) 98432-7165", "010-6552 9988", "98201 43256"),
    ):
        (finding,) = scan(around.format(number))
        assert (finding.kind, finding.excerpt) == (PHONE, f"{number[:3]}…")


HARMLESS = [  # besides those in tests/vectors/private.json
    # addresses of nobody, and code
    "+ a@b.T + a@b.mT + h@self.weight, photo@3x.jpg, style@1.css, package@1.2.3",
    "https://medium.com/@someone.net/title @ada@mastodon.social user@host, 5 @ 3.50, me @ home.org",
    "%s@%s.com, {user}@{host}.com, $USER@$HOST.de ada@-firm.com ada@firm..com ada@.com .@firm.com",
    "https://user:password@host.com https://user:***@host.com ftp://a:b1c@example.com",
    "ssh://someone@host.com, ftp://someone:@host.com, https://:x@host.com",
    # numbers
    "x = 2147483648 + 4294967296 - 9223372036854775807; y = +9223372036854775807; 1e+1234567890 @@ -1203,4 +1203,4 @@",
    "550e8400-e29b-41d4-a716-446655440000 212-736-5000-1234 12-212-736-5000, 1 234 567 890, +1.234.567.890",
    "Tel Aviv 1909, telephone exchange 12, https://host.org/212-736-5000?id=212.736.5000 order#212-736-5000",
    "f(13577625587, x) Fraction(6283185307, 2000000000) 017777777777 '6701234567' 016.016.016",
    "1356998400 1700000000 9999999999 6000000000 7500000000, 1e10, 0.1711234567, 07:30:15",
    "+999 30 901820, +49 000 901820, +1 (112) 736-5000, 411-736-5000",  # no numbering plan has them
    # names and placeholders of tokens, keys and passwords
    "hf_" + "x" * 34 + " HF_TOKEN=hf_... ghp_" + "X" * 36 + " sk-" + "X" * 48 + " task-aB3dE5gH7jK9mN1pQ3sT5v",
    "AKIA" + "IOSFODNN7EXAMPLE the class Asia" + "N" * 16 + " eyJhbGciOiJIUzI1NiJ9",
    "aB3d" * 100 + "hf_" + "aB3dE5gH7j" * 4,
    "passwd: str, token = tokens[0], secret = os.environ['SECRET_1A'], PASSWORD=${PASSWORD1}, password: xxxxxx1x",
    "a.CancellationToken=e.Token1=e.Emitter=e.Event2\ndep_token=dep_token0\n",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_left_alone(text: str) -> None:
    assert scan(text) == []


def test_pieces_give_the_findings_of_the_whole_text() -> None:
    """Also if a piece ends inside a finding, in a text longer than the part kept in memory."""
    rng = random.Random(8)
    secrets = ["ada@lovelace.org", "+49 30 901820", "tel: (212) 736-5000", *TOKENS]
    words = ["to be", "é", "\n", "or not", ".", "12"]
    text = " ".join(rng.choice(secrets if rng.random() < 0.02 else words) for _ in range(30_000))
    whole = scan(text)
    assert len(whole) > 300
    for _ in range(3):
        cuts = sorted(rng.choices(range(len(text)), k=rng.randint(3, 12)))
        assert list(scan_pieces(text[a:b] for a, b in pairwise([0, *cuts, len(text)]))) == whole


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        "a", "@", "a@a", "a@a.", " me@here.org", "a.", "2", "+1", "+1 2 ", "+49 30 901820\n", "(212) ", "212-736-",
        "tel ", "tel: 1(2", "06 12 43 ", "eyJ", "eyJaaaaaaaa.", "eyJaaaaaaaa.eyJaaaa.", "sk-proj-", "xoxb-", "hf_",
        "AKIA", "-----BEGIN PRIVATE KEY-----", "-----BEGIN A ", "PuTTY-User-Key-File-2: ", "://a:b@", "://", "SG.a",
        "\n", "To be ", " ", "  1", "(030) ", "0171/", "0171 90 ", "01719018234 ", "98201 43256;", "DE89 ",
        "4111-1111-1111-1111 ", "536-90-4399 ", "12 34 ", "1-", "password=", "secret:", " is ", "PASSWORD=a1", "@ü.",
        "ü@", "@a-", ":AA", "1:AA", "MN", "M.", "31/12/2021, 23:59 - ", "[31/12/2021, ", '"from_id": "', ".aaaaaa.",
    ],
)  # fmt: skip
@pytest.mark.slow
def test_the_time_is_linear_for_any_text(unit: str) -> None:
    """The characters take half a second; with a quadratic search they take minutes."""
    scan(unit * (50_000 // len(unit)))


if __name__ == "__main__":
    lines = ",\n".join(map(json.dumps, vectors()))
    VECTORS.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")
