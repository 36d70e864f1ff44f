"""The HTTP routes of the page and of programs.

api              /generate, /score, /inspect
site             the site and its models, for the page; what is stored beside a model; health, readiness
write            replies for the page, as server-sent events
openai           OpenAI's protocol, for programs
lenses           the route of the lenses, and its answers from a trace of a text
web_files        the files of web/, at an address for each version
requests         reads and checks the requests of the page
"""
