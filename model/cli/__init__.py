"""The commands of `python -m model`.

arguments  an argument parser that suggests the nearest option or command
inputs     models and texts that a command reads
generate   generate: continues a prompt
score      score: how surprised a model is by a text; why: how much each earlier character mattered
evaluate   evaluate: the loss of any function that predicts the next character
info       info: describes a model; list: the models that come with the project
"""
