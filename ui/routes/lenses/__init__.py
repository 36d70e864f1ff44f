"""The routes of the lenses.

trace          the route for how a model reads a text
trace_answers  the answers, from a trace of a text
passages       where a named cell is highest and lowest
step_lens      the computation of one character
"""
