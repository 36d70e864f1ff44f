"""Continuous batching: generates many replies at once, each with the same text as alone.

engine         Engine: the queue of requests, the batched steps, bursts of several characters
request        Request: a sequence with its slot and its unread characters; which request gets a slot, and whose
sequence       Sequence: one reply, its settings and its text; Memory: where the next reply continues
blend          Blend: two models whose predictions are mixed; LanguageModel: a CharLSTM or a Blend; its precision
blocked_words  BlockedWords: words that end a reply before a reader sees them
"""
