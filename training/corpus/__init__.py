"""From the sources that a person names to one text, and from the text to ids.

reader        reads all sources into one text, as ids in a file
sources       from one source to the files behind it
hub_datasets  files of datasets on the Hub
download      texts at http(s) addresses
decode        bytes to text
chat_exports  chat exports to turns
ids_file      the ids of a text in a file that is memory-mapped
privacy       e-mail addresses, phone numbers and access tokens in a text
"""
