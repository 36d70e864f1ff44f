"""The Gradio app: a page that writes, and its API. Imports `model` and never `training`.

registry      the models that are served
access        which requests are answered, and how many of each client
conversation  what a model has read, its states, and replies to it (no Gradio)
routes        the API, and what the modules of the page ask
preview       what chats show of a link: title, description, picture
page          the one component of the page, the first paint, the launch
settings      values from a page or a program, checked
messages      texts for visitors: an id and values, a table for each language
json_body     the JSON bodies of requests
site_config   what the owner of a site sets in the environment
"""
