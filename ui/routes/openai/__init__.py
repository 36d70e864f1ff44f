"""OpenAI's protocol for language models, under /v1, for programs that speak it (docs/api.md).

endpoints  the routes: models, completions, chat/completions
protocol   the checked parameters of a request, and the objects of the answers
"""
