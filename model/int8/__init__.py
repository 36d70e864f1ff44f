"""Deterministic int8 inference: quantized weights, kernels and integer sampling.

weights        quantized weights and the int8 LSTM step in torch
numba_kernels  the same loops compiled by numba
sampling       from logits to a character with integer arithmetic
"""
