"""OpenAI's protocol for language models, under /v1, for programs that speak it (docs/api.md).

endpoints  the routes: models, completions, chat/completions
request    the checked parameters of a request
answers    the objects of the protocol: completions, chunks, probabilities, errors
"""
