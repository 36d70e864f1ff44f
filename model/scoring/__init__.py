"""Measures how surprised a model is by a text.

surprisal   score: how many bits each character of a text costs
adaptation  dynamic evaluation: a copy of a model that learns from the text it reads
"""
