"""Turns chat exports into text: turns of `name: message`, each followed by an empty line.

reader       reads the exports of one training and counts the messages of each speaker
format_list  the formats, and which of them a file has
message      one message, and the cleaning of texts and names
phrases      the phrases of messengers in place of a message: deletions, polls, pictures, in many languages
values       the values of JSON files and JSON lines
formats      one module for each export
"""
