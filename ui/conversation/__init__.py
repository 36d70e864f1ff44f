"""The texts that models have read, their states, and replies. The pages keep the conversations themselves.

read_text  the text that a model has read, with its clamps
states     states of models after texts, so that none is read again
clamps     clamped cells of a request, checked
progress   requests a reply and follows it
"""
