"""Turns chat exports into text: turns of `name: message`, each followed by an empty line.

reader        reads the exports of one training and counts the messages of each speaker
format_list   which chat export a file is
json_formats  exports in JSON, by the table in formats.json
line_formats  exports in lines: WhatsApp, Discord, LINE, Signal, IRC, `Name: text`
message       one message, the cleaning of texts and names, phrases in place of a message
"""
