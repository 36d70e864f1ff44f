"""From the sources that a user types to one text, and from the text to character ids.

reader        reads all sources into one text
sources       finds the files of one source
hub_datasets  downloads files of datasets on the Hub
download      downloads texts from http(s) addresses
decode        turns bytes into text
chats         turns chat exports into text
ids_file      the ids of a text in a memory-mapped file
privacy       personal data and secrets in a text
"""
