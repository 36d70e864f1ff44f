"""The routes of the lenses.

trace          the route for how a model reads a text
trace_answers  the answers, from a trace of a text; the computation of one character
"""
