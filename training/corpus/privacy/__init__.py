"""Finds what must not be published by accident: personal data and secrets in a text, and exports of messengers.

scan       scans a text for all kinds, in pieces
report     the number and the places of findings, for the user
findings   a finding, and the names of the kinds
mail       e-mail addresses, passwords in addresses
phones     phone numbers, international and national
numbers    bank accounts (IBAN), payment cards, US social security numbers
tokens     access tokens of services, private keys
passwords  passwords and keys after their name: `PASSWORD=…`, `"api_key": "…"`
chats      lines of exported chats
"""
