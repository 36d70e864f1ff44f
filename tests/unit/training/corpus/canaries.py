"""Sixty and more kinds of private data, each as a person or a program would write it into a text.

All are invented. Secrets are put together from parts here, so that no secret scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import random
import string

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
BASE64 = LETTERS + "+/"
URL_SAFE = LETTERS + "-_"


def drawn(length: int, alphabet: str = LETTERS, seed: int = 1) -> str:
    """Returns a random word that holds a digit, as tokens do."""
    rng = random.Random(seed)
    word = "".join(rng.choices(alphabet, k=length - 1))
    return word + ("7" if "7" in alphabet else rng.choice(alphabet))


def json_web_token() -> str:
    parts = (b'{"alg":"HS256"}', b'{"sub":"1234","name":"Ada"}', bytes(range(32)))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def key_lines(count: int = 8) -> str:
    return "\n".join(drawn(64, BASE64, seed) for seed in range(count))


PERSONAL = {
    "e-mail address": "write to anna.berg@firma-berg.de before noon",
    "e-mail address before a bracket": "anna@web.de(privat)",
    "e-mail address at the end of a quoted-printable line": "From: anna.berg@firma-berg.de=\n",
    "e-mail address in two quoted-printable lines": "From: anna.berg@firma-b=\nerg.de, today",
    "e-mail address with a coded sign": "href=3Danna.berg=40firma-berg.de",
    "e-mail address of a German domain": "anna@müller-bau.de",
    "e-mail address of a Chinese domain": "wang@例子公司.中国",
    "e-mail address of a Russian domain": "анна@почта.рф",
    "e-mail address in Chinese text": "我的邮箱是anna@firma-berg.de，请写信",
    "e-mail address before Chinese text": "anna@firma-berg.de的邮箱",
    "e-mail address in Punycode": "anna@xn--mller-bau-r9a.de",
    "phone number with a country code": "+49 171 9018234",
    "phone number with 00": "0049 171 9018234",
    "phone number with 00 and hyphens": "0044-20-7183-8750",
    "German mobile number": "ruf mich an: 0171 9018234, abends",
    "German mobile number in one piece": "01719018234",
    "German mobile number with a slash": "0171/9018234",
    "German landline number": "030/901820",
    "German landline number with brackets": "(0221) 90 18 20",
    "British mobile number": "07911 239876",
    "French number": "06 12 43 65 87",
    "Swiss number": "044 668 18 00",
    "Chinese mobile number": "我的号码是 138 0013 8765 谢谢",
    "Chinese mobile number in one piece": "13800138765",
    "Chinese landline number": "010-6552 9988",
    "Indian mobile number": "98201 43256",
    "Indian mobile number in one piece": "9820143256",
    "American number": "(212) 736-5000",
    "number after a word": "Tel. 90 18 234",
    "German bank account": "DE89 3704 0044 0532 0130 00",
    "British bank account": "GB33BUKB20201555555555",
    "French bank account": "FR14 2004 1010 0505 0001 3M02 606 is mine",
    "Visa card": "4111 1111 1111 1111",
    "Mastercard": "5500-0055-5555-5559",
    "American Express card": "3782 822463 10005",
    "card in one piece": "6011000990139424",
    "social security number": "536-90-4399",
    "WhatsApp export": "31/12/2021, 23:59 - Anna: Happy new year\n1/1/2022, 00:01 - Ben: You too",
    "WhatsApp export of an iPhone": "[31.12.21, 23:59:01] Anna: Happy new year\n[31.12.21, 23:59:41] Ben: You too",
    "Signal export": "[2021-12-31 23:59] Anna: Happy new year\n[2022-01-01 00:01] Ben: You too",
    "Telegram export": '"from_id": "user1",\n"text": "Hi"\n"from_id": "user2",\n"text": "Ho"',
    "Instagram export": '{"sender_name": "Anna", "content": "Hi"}, {"sender_name": "Ben", "content": "Ho"}',
}
SECRETS = {
    "Hugging Face token": "hf" + "_" + drawn(34),
    "GitHub token": "ghp" + "_" + drawn(36),
    "fine-grained GitHub token": "github" + "_pat_" + drawn(22) + "_" + drawn(59),
    "GitLab token": "glpat" + "-" + drawn(20),
    "OpenAI key": "sk" + "-proj-" + drawn(40) + "-" + drawn(40) + "_x",
    "Anthropic key": "sk" + "-ant-api03-" + drawn(90) + "-AA",
    "Groq key": "gsk" + "_" + drawn(52),
    "Replicate token": "r8" + "_" + drawn(37),
    "DigitalOcean token": "dop" + "_v1_" + drawn(64, HEX),
    "Shopify token": "shpat" + "_" + drawn(32, HEX),
    "Vault token": "hvs" + "." + drawn(90, URL_SAFE),
    "Stripe key": "sk" + "_live_" + drawn(24),
    "Stripe webhook secret": "whsec" + "_" + drawn(32),
    "Twilio key": "SK" + drawn(32, HEX),
    "Twilio token": "TWILIO_AUTH_TOKEN=" + drawn(32, HEX),
    "AWS access key": "AK" + "IA" + drawn(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "AWS secret key": "aws_secret_access_key = " + drawn(40, BASE64),
    "Azure storage key": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + drawn(86, BASE64) + "==",
    "Azure client secret": drawn(3) + "8" + "Q~" + drawn(34),
    "Google API key": "AI" + "za" + drawn(35),
    "Google token": "ya29" + "." + drawn(160, URL_SAFE),
    "Slack token": "xo" + "xb-123456789012-1234567890123-" + drawn(24),
    "Slack webhook": "https://hooks.slack" + ".com/services/T0" + drawn(7) + "/B0" + drawn(7) + "/" + drawn(24),
    "Discord bot token": "MT" + drawn(24) + "." + drawn(6) + "." + drawn(38, URL_SAFE),
    "Discord webhook": "https://discord" + ".com/api/webhooks/" + drawn(18, "123456789") + "/" + drawn(68),
    "Telegram bot token": "5812345079" + ":AA" + drawn(33, URL_SAFE),
    "SendGrid key": "SG" + "." + drawn(22) + "." + drawn(43),
    "npm token": "npm" + "_" + drawn(36),
    "PyPI token": "pypi" + "-" + drawn(120, URL_SAFE),
    "JSON web token": json_web_token(),
    "RSA key": f"-----BEGIN RSA PRIVATE KEY-----\n{key_lines()}\n-----END RSA PRIVATE KEY-----",
    "OpenSSH key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{key_lines()}\n-----END OPENSSH PRIVATE KEY-----",
    "PGP key": f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{key_lines()}\n-----END PGP PRIVATE KEY BLOCK-----",
    "PuTTY key": "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: mine\nPublic-Lines: 6\n"
    f"{key_lines(6)}\nPrivate-Lines: 14\n{key_lines(14)}\nPrivate-MAC: {drawn(64, HEX)}",
    "age key": "AGE-SECRET" + "-KEY-1" + drawn(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "password in an address": "postgres://ada:" + "s3cr7t!word@db.firma-berg.de:5432/plays",
    "password in an environment": "DB_PASSWORD=" + "hunter2",
    "password of letters in an environment": "export ADMIN_PASSWORD=" + "letmein",
    "password in YAML": "password: " + "Sommer2024!",
    "password in German": "Passwort: " + "Winter-2023",
    "password in a sentence": "Mein Passwort ist " + "Sommer2024!",
    "password in code": 'connect(password="' + 'gh7Kq2pz")',
    "key in JSON": '{"api_key": "' + drawn(32) + '"}',
    "key of a query": "?user=ada&api_key=" + drawn(24) + "&page=2",
    "client secret": "client_secret = '" + drawn(40) + "'",
    "basic authorization": "Authorization: Basic " + base64.b64encode(b"ada:lovelace1815").decode(),
    "bearer token": "Authorization: Bearer " + drawn(40),
}
CANARIES = {**PERSONAL, **SECRETS}
