"""From the sources that a user types to one text, and from the text to character ids.

reader        reads all sources into one text
collector     collects the files of all sources, and notes which are left out
sources       finds the files of one source
missing       proposes a correction for the name of a missing file
hub_datasets  downloads files of datasets on the Hub
download      downloads texts from http(s) addresses
unpack        archives, documents and tables: the texts inside them
decode        turns bytes into text
encodings     names of encodings, and a proposal for a text that is not UTF-8
file_kinds    recognises files that are not text
chats         turns chat exports into text
ids_file      the ids of a text in a memory-mapped file
privacy       personal data and secrets in a text
"""
