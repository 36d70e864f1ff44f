"""The commands of `python -m model`.

arguments  an argument parser that suggests the nearest option or command
inputs     models and texts that a command reads
generate   generate: continues a prompt
score      score: measures how surprised a model is by a text
why        why: measures how much each earlier character mattered for a character
info       info: describes a model
list       list: the models that come with the project
"""
