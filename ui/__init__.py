"""The Gradio app: a page that writes, and its API. Imports `model` and never `training`.

What a client sends and may not is refused by a `messages.RefusalError`, of which `access.answers` makes an answer.

registry      the models that are served
access        decides which requests are answered, and how many of each client
conversation  the texts that models have read, and a cache of their states (no Gradio)
routes        the HTTP routes of the API and of the page's modules
page          the document with its link preview, the launch
settings      values from a page or a program, checked
messages      texts for visitors: an id and values, a table for each language
site_config   the settings of a site in environment variables
"""
