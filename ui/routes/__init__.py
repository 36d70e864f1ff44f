"""The HTTP routes of the page and of programs.

api              /generate, /score, /inspect
site             the site and its models, for the page; health, readiness
write            replies for the page, as server-sent events
openai           OpenAI's protocol, for programs
lenses           the routes of the lenses
stored           samples and passages, which are stored beside a model
web_files        the files of web/, at an address for each version
requests         reads and checks the requests of the page
"""
