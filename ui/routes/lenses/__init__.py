"""The routes of the lenses.

trace          the route for how a model reads a text
trace_answers  the answers, from a trace of a text
step_lens      the computation of one character
"""
