"""Deterministic int8 inference: quantized weights, kernels and integer sampling.

weights        quantized weights and the int8 LSTM step in torch
sampling       from logits to a character with integer arithmetic
numba_kernels  the int8 LSTM step and the sampling compiled by numba, and the instructions that add products of int8
"""
