"""What computes: the device, and the implementation of the LSTM step over slots of state.

backend   the Backend protocol; float32, torch int8 and numba int8 implementations; make_backend
device    cuda, mps or cpu: which one, and what differs between them
"""
