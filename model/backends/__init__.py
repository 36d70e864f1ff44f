"""The LSTM step over slots of state: which implementation computes it.

backend   the Backend protocol; float32, torch int8 and numba int8 implementations; make_backend
"""
