"""What a model has read, its states, and replies to it. The conversations themselves are kept by the pages.

read_text  what a model has read, and with which clamps
states     states of models after texts, so that none is read again
clamps     clamped cells of a request, checked
progress   requests a reply and follows it
"""
