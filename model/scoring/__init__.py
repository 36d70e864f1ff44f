"""Measures how surprised a model is by a text, and draws it.

surprisal   score: how many bits each character of a text costs
adaptation  dynamic evaluation: a copy of a model that learns from the text it reads
picture     draw: a text in the colours of its bits, for link previews
"""
