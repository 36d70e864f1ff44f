"""The texts that models have read, their states, and replies. The pages keep the conversations themselves.

read_text  the text that a model has read, with its clamps
states     a cache of LSTM states, so that a text is not read again
progress   submits a reply to an engine and follows it, under the limits of its address
"""
