"""Continuous batching: many replies at once, each the text that it would be alone.

engine         adds requests, runs batched steps, delivers characters
sequence       one reply: its settings, its text so far, why it finished
blend          two models whose predictions are mixed
blocked_words  words that must not appear in a reply
"""
