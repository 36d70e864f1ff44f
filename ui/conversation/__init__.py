"""The texts that models have read, and their states. The pages keep the conversations themselves.

read_text  the text that a model has read, with its clamps
states     a cache of LSTM states, so that a text is not read again
"""
