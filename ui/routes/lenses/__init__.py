"""What the lenses of a page ask.

trace          the route: texts of pages, and how a model reads them
trace_answers  the answers, from a trace of a text
passages       where a named cell is highest and lowest
step_lens      how one character was computed
"""
