"""The Gradio app: a page that writes, and its API. Imports `model` and never `training`.

registry      the models that are served
conversation  turns, moves, branches, links, clamps (no Gradio)
routes        the API, streams and what the lenses ask
page          layout, events, launch
settings      values from a page or a program, checked
messages      texts for visitors: an id and values, a table for each language
protocol      the events that the page's view of a conversation is made of
json_body     the JSON bodies of requests, bounded
site_config   what the owner of a site sets in the environment
words         labels in the visitor's language, for Gradio
"""
