"""The device, and the backends: implementations of the LSTM step over slots of state.

backend     Backend, the base class of all implementations, and the array types; whether numba works here;
            Float32Backend and TorchInt8Backend: the network, and int8 inference, with torch operators on any device
numba_int8  NumbaInt8Backend: int8 inference with loops that numba compiles, on a CPU
device      cuda, mps or cpu: which one, and what differs between them
"""
