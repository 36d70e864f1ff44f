"""Turns chat exports into text: turns of `name: message`, each followed by an empty line.

reader        recognises the exports of one training, reads them and counts the messages of each speaker
json_formats  exports in JSON, by the table in formats.json
line_formats  exports in lines: WhatsApp, Discord, LINE, Signal, IRC, `Name: text`
message       one message, the cleaning of texts and names, phrases in place of a message
"""
