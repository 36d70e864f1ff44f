"""Turns archives, documents and tables into the texts inside them.

parts      the texts in a file of any of these formats, recognised by its first bytes and its name
limits     the largest size of the content
archives   .gz, .bz2, .xz, .zip, .tar
web_pages  .html
documents  .docx and .epub
tables     .parquet
"""
