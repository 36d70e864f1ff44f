"""What the scan for private data finds, what it leaves alone, how little it repeats, and how long it takes.

Secrets are put together from parts here, so that no secret scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import random
import string
from itertools import pairwise

import pytest

from tests.support.alarms import alarm
from tests.support.platforms import posix_only
from training.corpus.privacy.findings import EMAIL, IN_ADDRESS, PHONE, PRIVATE_KEY, PUBLISH_ANYWAY, Finding
from training.corpus.privacy.report import report
from training.corpus.privacy.scan import scan, scan_pieces
from training.corpus.reader import read_corpus

LETTERS = string.ascii_letters + string.digits


def drawn(length: int, alphabet: str = LETTERS, seed: int = 1) -> str:
    """Returns a random word that holds a digit, as tokens do."""
    rng = random.Random(seed)
    word = "".join(rng.choices(alphabet, k=length - 1))
    return word + ("7" if "7" in alphabet else rng.choice(alphabet))


def kinds(text: str) -> list[str]:
    return [finding.kind for finding in scan(text)]


# e-mail addresses


@pytest.mark.parametrize(
    "address",
    [
        "ada@lovelace.org",
        "a.b+c-d_e%f@mail.some-where.co.uk",
        "x@y.io",
        "ADA@LOVELACE.ORG",
        "jürgen@firma.de",
        "ada@xn--mller-kva.de",
        "ada@example-firm.com",
        "ada@notexample.org",
        "ada@mail.xn--p1ai",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "<{}>", "mailto:{}", "({}).", "Write to {}, please", "{}:", "'{}'\n", "{}.Then"]
)
def test_an_email_address_is_found(address: str, around: str) -> None:
    text = around.format(address)
    (finding,) = scan(text)
    assert finding == Finding(EMAIL, 1, text.index(address) + 1, finding.excerpt)


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com, a@mail.example.org, b@example.net",
        "me@host.test you@some.example they@x.invalid root@localhost me@site.localhost pi@raspberry.local",
        "git@github.com:owner/name.git and git@host.org",
        "noreply@github.com",
        "@property\n@functools.wraps(f)\n@app.route('/')",
        "q@k.transpose(-2, -1) + x@w.to(device) + a@b.T + a@b.mT + h@self.weight",
        "icon@2x.png, photo@3x.jpg, style@1.css, package@1.2.3, @scope/package@2.0.0",
        "https://medium.com/@someone.net/title",
        "@ada@mastodon.social",
        "user@host, 5 @ 3.50, me @ home.org",
        "%s@%s.com, {user}@{host}.com, $USER@$HOST.de",
        "ada@-firm.com ada@firm..com ada@.com .@firm.com",
        "x" * 100 + "@firm.com",
    ],
)
def test_what_is_not_the_address_of_a_person_is_left_alone(text: str) -> None:
    assert scan(text) == []


# phone numbers


@pytest.mark.parametrize(
    "number",
    [
        "+49 30 901820",
        "+49 (0)30 90 18 20",
        "+4915112345987",
        "+44 1223 334714",
        "+1 (212) 736-5000",
        "+1-212-736-5000",
        "+12127365000",
        "+33 6 12 43 65 87",
        "+7 495 697-03-49",
        "+86 138 0013 8000",
        "(212) 736-5000",
        "212-736-5000",
        "212.736.5000",
        "1-800-736-5000",
        "06 12 43 65 87",
        "01.43.65.12.87",
    ],
)
@pytest.mark.parametrize("around", ["{}", "Call {}.", "({}) at noon", "mine: {}, yours", '"{}"', "{}\n"])
def test_a_phone_number_is_found(number: str, around: str) -> None:
    text = around.format(number)
    (finding,) = scan(text)
    assert (finding.kind, finding.column) == (PHONE, text.index(number) + 1)


@pytest.mark.parametrize(
    "text",
    ["Tel. 030 901820", "phone: 901 8204", "Fax (030) 90 18 20", "TELEFON 0171/9018234", "Mobile no. 07911 239876"],
)
def test_after_a_word_for_telephone_any_form_of_number_is_found(text: str) -> None:
    assert kinds(text) == [PHONE]


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-15, 15.01.2024, 01/15/2024 12:30:45, 2024-01-15T12:30:00+01:00, Mon, 15 Jan 2024 12:30:00 +0100",
        "1914-1918, 1999-2003, pp. 212-736, 1900/1901",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, ISSN 2049-3630, 9783161484100",
        "version 3.11.7, 1.2.3.4, 10.212.736.5000, v212.736.5000",
        "192.168.100.200 127.0.0.1:8080 255.255.255.0 phone 192.168.100.200 fax 2024-01-15",
        "x = 2147483648 + 4294967296 - 9223372036854775807; y = +9223372036854775807",
        "3.14159265358979 +1.2345678901 -0.5772156649 6.02214076e+23 1e+1234567890",
        "(512, 512, 1024) 512 512 1024 784-128-10 640x480x2000",
        "1,234,567,890 +1.234.567.890 1 234 567 890",
        "01 02 03 04 05 06 07 08 09 10",
        "de ad 01 23 45 67 89 be ef",
        "123-456-7890, (123) 456-7890, 000-000-0000, 999-999-9999, +1 234 567 8900",
        "555-0123, (555) 123-4567, 212-555-0123, +1 212 555 0187, +44 20 7946 0958, +44 7700 900123",
        "550e8400-e29b-41d4-a716-446655440000 212-736-5000-1234 12-212-736-5000",
        "Tel Aviv 1909, telephone exchange 12, mobile 3, fax",
        "https://host.org/212-736-5000?id=212.736.5000 order#212-736-5000",
        "@@ -1203,4 +1203,4 @@",
        "4111 1111 1111 1112 and 4111-1111-1111-1112, 0000 0000 0000 0000, 1111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 01, XX82 WEST 1234 5698 7654 32, 000-12-3456, 666-12-3456, 123-456-789",
        "0171 is an area code, 030/1999, 01.02.2024, 05/06/2024, 01 02 2024 12 30, 0123456789, 0800",
        "f(13577625587, x) Fraction(6283185307, 2000000000) 017777777777 '6701234567' 016.016.016",
        "1356998400 1700000000 9999999999 6000000000 7500000000, 1e10, 0.1711234567, 07:30:15",
        "+999 30 901820, +49 000 901820, +1 (112) 736-5000, 411-736-5000",  # no numbering plan has them
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert scan(text) == []


# access tokens


def jwt() -> str:
    parts = (b'{"alg":"HS256"}', b'{"sub":"1234","name":"Ada"}', bytes(range(32)))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


TOKENS = [
    ("Hugging Face token", "hf" + "_" + drawn(34)),
    ("GitHub token", "ghp" + "_" + drawn(36)),
    ("GitHub token", "gho" + "_" + drawn(36)),
    ("GitHub token", "github" + "_pat_" + drawn(22) + "_" + drawn(59)),
    ("GitLab token", "glpat" + "-" + drawn(20)),
    ("API key", "sk" + "-" + drawn(48)),
    ("API key", "sk" + "-" + drawn(32, "0123456789abcdef")),
    ("API key", "sk" + "-proj-" + drawn(40) + "-" + drawn(40) + "_x"),
    ("API key", "sk" + "-ant-api03-" + drawn(90) + "-AA"),
    ("Stripe key", "sk" + "_live_" + drawn(24)),
    ("AWS access key", "AK" + "IA" + drawn(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
    ("Slack token", "xo" + "xb-123456789012-1234567890123-" + drawn(24)),
    ("Google API key", "AI" + "za" + drawn(35)),
    ("SendGrid key", "SG" + "." + drawn(22) + "." + drawn(43)),
    ("JSON web token", jwt()),
]


@pytest.mark.parametrize(("kind", "token"), TOKENS)
@pytest.mark.parametrize("around", ["{}", 'key = "{}"', "KEY={}\n", "Bearer {}", "x?token={}&y"])
def test_an_access_token_is_found_and_not_repeated(kind: str, token: str, around: str) -> None:
    text = around.format(token)
    (finding,) = scan(text)
    assert finding == Finding(kind, 1, text.index(token) + 1, finding.excerpt)
    assert finding.excerpt.endswith("…")
    assert len(finding.excerpt) <= 12


@pytest.mark.parametrize(
    "text",
    [
        "hf" + "_" + "x" * 34,
        "hf" + "_hub_download, hf_xxx, HF_TOKEN=hf_...",
        "ghp" + "_" + "X" * 36,
        "sk" + "-" + "X" * 48,
        "sk-learn, sk-estimator-id-1, sk-toggleable__label-arrow, sk-SK, task-" + drawn(30),
        "AK" + "IAIOSFODNN7EXAMPLE",
        "AK" + "IA" + "A" * 16,
        "the class Asia" + "N" * 16,
        "xo" + "xb-your-token-here",
        "eyJ and eyJhbGciOiJIUzI1NiJ9",
        "-----BEGIN RSA PRIVATE KEY-----\n ... (private key in base64 encoding) ...\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\n" + drawn(64),
        "-----BEGIN PUBLIC KEY-----\n" + drawn(64),
        drawn(400) + "hf" + "_" + drawn(34),
    ],
)
def test_placeholders_and_names_in_code_are_no_tokens(text: str) -> None:
    assert scan(text) == []


@pytest.mark.parametrize("name", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("line_end", ["\n", "\\n", "\nProc-Type: 4,ENCRYPTED\n\n"])
def test_a_private_key_is_found(name: str, line_end: str) -> None:
    head = f"-----BEGIN {name}PRIVATE KEY-----"
    body = line_end + "\n".join(drawn(64, seed=i) for i in range(8))
    (finding,) = scan(f"here:\n{head}{body}\n-----END {name}PRIVATE KEY-----\n")
    assert (finding.kind, finding.line, finding.column) == (PRIVATE_KEY, 2, 1)
    assert drawn(64, seed=0)[:8] not in finding.excerpt


def test_a_password_in_an_address_is_found_as_one() -> None:
    (finding,) = scan("postgres://ada:" + "s3cr7t!word@db.firm.com:5432/plays")
    assert finding.kind == IN_ADDRESS
    assert "s3cr7t" not in finding.excerpt
    assert scan("https://user:password@host.com https://user:***@host.com ftp://a:b1c@example.com") == []
    assert scan("ssh://someone@host.com, ftp://someone:@host.com, https://:x@host.com") == []
    assert kinds("https://host.com?to=ada@lovelace.org http://h.com/a:b1c@d.com") == [EMAIL, EMAIL]


# together


def test_line_and_column_are_exact() -> None:
    rng = random.Random(4)
    secrets = ["ada@lovelace.org", "+49 30 901820", *(token for _, token in TOKENS)]
    for _ in range(60):
        text, expected = "", []
        for _ in range(rng.randrange(12)):
            text += "".join(rng.choice("é x.\n") for _ in range(rng.randrange(30))) + "\n" * rng.randrange(2) + " "
            secret = rng.choice(secrets)
            expected.append((text.count("\n") + 1, len(text) - text.rfind("\n")))
            text += secret + " "
        assert [(finding.line, finding.column) for finding in scan(text)] == expected


def test_pieces_give_the_findings_of_the_whole_text() -> None:
    """Also if a piece ends inside a finding, in a text longer than the part kept in memory."""
    rng = random.Random(8)
    secrets = ["ada@lovelace.org", "+49 30 901820", "tel: (212) 736-5000", *(token for _, token in TOKENS)]
    words = ["to be", "é", "\n", "or not", ".", "12"]
    text = " ".join(rng.choice(secrets if rng.random() < 0.02 else words) for _ in range(60_000))
    whole = scan(text)
    assert len(whole) > 500
    for _ in range(4):
        cuts = sorted(rng.choices(range(len(text)), k=rng.randint(3, 30)))
        assert list(scan_pieces(text[a:b] for a, b in pairwise([0, *cuts, len(text)]))) == whole


def test_no_excerpt_holds_a_whole_secret() -> None:
    secrets = ["a@b.co", "me@x.org", "ada@lovelace.org", "+12127365000", *(token for _, token in TOKENS)]
    for finding, secret in zip(scan(" ; ".join(secrets)), secrets, strict=True):
        assert secret not in finding.excerpt
        assert len(finding.excerpt.replace("…", "")) < len(secret) / 1.4


def test_the_documentation_inside_python_holds_nothing_private() -> None:
    assert scan(read_corpus().text) == []


@pytest.mark.parametrize(
    "text",
    [
        "password = None, password=self.password, passwd: str, token = tokens[0], secret = os.environ['SECRET_1A']",
        "token = token2, password=pw12345, user=u)  token: uint32_t, secret: SHA256, key=key1, api_key = config.key_1",
        "PASSWORD=$DB_PASSWORD_1, PASSWORD=${PASSWORD1}, PASSWORD=<your-password-1>, password: xxxxxx1x",
        'password = "changeme1", {"password": "your-password-1"}, "token": "{token_1}", password="example-1234"',
        "The password is wrong. The secret is that he is 12345 years old. A token is base64-encoded.",
        "a.CancellationToken=e.Token1=e.Emitter=e.Event2\ndep_token=dep_token0\n",
        "tokens: 123456, token_count=123456, max_tokens: 4096, secret=12345678",
        "Authorization: Basic realm, Authorization: Basic Authentication, Authorization: Bearer <token>",
    ],
)
def test_expressions_and_placeholders_are_no_passwords(text: str) -> None:
    assert scan(text) == []


def test_a_quoted_line_of_a_chat_is_no_export() -> None:
    line = "31/12/2021, 23:59 - Anna: Happy new year\n"
    assert scan(f"An export has lines such as\n{line}{'To be or not to be. ' * 120}\n{line}") == []
    assert scan("2021-12-31 23:59:01 - INFO: started\n[2021-12-31 23:59:02] ERROR: stopped\n" * 9) == []


@posix_only
@pytest.mark.parametrize(
    "unit",
    [
        "a", "@", "a@a", "a@a.", " me@here.org", "a.", "2", "+1", "+1 2 ", "+49 30 901820\n", "(212) ", "212-736-",
        "tel ", "tel: 1(2", "06 12 43 ", "eyJ", "eyJaaaaaaaa.", "eyJaaaaaaaa.eyJaaaa.", "sk-proj-", "xoxb-", "hf_",
        "github_pat_", "AKIA", "-----BEGIN PRIVATE KEY-----", "-----BEGIN A ", "://a:b@", "://", "SG.a", "\n", "To be ",
        " ", "  1", "(030) ", "0171/", "0171 90 ", "01719018234 ", "13800138765,", "98201 43256;", "DE89 ",
        "ab12 cd34 ", "4111 1111 ", "4111-1111-1111-1111 ", "536-90-4399 ", "12 34 ", "1-", "password=", "secret:",
        "token ", "PASSWORD=a1", "=40", "a=40b", "a@b=\n", "@ü.", "ü@", "@a-", ":AA", "1:AA", "-us", "MN", "M.",
        "PuTTY-User-Key-File-2: ", "31/12/2021, 23:59 - ", "[31/12/2021, ", '"from_id": "', "authorization: basic ",
        "AKIA2222222222222222", ".aaaaaa.", "MAAAA", "12345678 ",
    ],
)  # fmt: skip
def test_the_time_is_linear_for_any_text(unit: str) -> None:
    """200,000 characters take about a second; with a quadratic search they take minutes."""
    with alarm(f"{unit!r}, repeated"):
        scan(unit * (200_000 // len(unit)))


def test_any_text_can_be_scanned() -> None:
    rng = random.Random(6)
    pieces = [*"@.+:a7 \n-()é٣\ufffd\0", "hf_", "sk-", "://", "12"]
    for _ in range(1500):
        text = "".join(rng.choices(pieces, k=rng.randrange(60)))
        for finding in scan(text):
            assert 1 <= finding.line <= text.count("\n") + 1


def test_no_findings_give_no_report() -> None:
    assert report([]) == ""


def test_a_report_counts_locates_and_names_the_options() -> None:
    text = "\n".join(["Mail ada@lovelace.org or bob@firm.de", "", "call +49 30 901820", TOKENS[0][1]])
    lines = report(scan(text), limit=3).split("\n")
    assert lines[0].startswith("The text holds 2 e-mail addresses, 1 phone number and 1 Hugging Face token.")
    assert lines[1:5] == [
        "  line 1, column 6: e-mail address ad…@lo…",
        "  line 1, column 26: e-mail address bo…@fi…",
        "  line 3, column 6: phone number +49…",
        "  and 1 more",
    ]
    assert PUBLISH_ANYWAY == "--publish-anyway"
    assert PUBLISH_ANYWAY in lines[-1]
    assert "--private" in lines[-1]
    assert "ada@lovelace" not in "".join(lines)


def test_a_report_can_name_the_file() -> None:
    (line,) = [
        line for line in report(scan("a\nb\nada@lovelace.org"), lambda n: ("b.txt", n - 2)).split("\n") if "b.t" in line
    ]
    assert line == "  b.txt, line 1, column 1: e-mail address ad…@lo…"


def test_a_report_uses_english_plurals() -> None:
    findings = [Finding(kind, 1, 1, "…") for kind in (EMAIL, EMAIL, IN_ADDRESS, IN_ADDRESS)]
    assert "2 e-mail addresses and 2 passwords in addresses." in report(findings)
