"""The routes of the lenses.

trace          the route: texts of pages, and how a model reads them
trace_answers  the answers, from a trace of a text
passages       where a named cell is highest and lowest
step_lens      the computation of one character
"""
