"""From the sources that a user types to one text, and from the text to character ids.

reader        reads all sources into one text, and notes which files are left out
sources       finds the files of one source, on this machine, at an http(s) address or on the Hub
unpack        recognises archives, documents, tables and web pages, and reads the texts inside them
decode        turns bytes into text, or proposes an encoding
chats         turns chat exports into text
ids_file      the ids of a text in a memory-mapped file
privacy       personal data and secrets in a text
"""
