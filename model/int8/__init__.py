"""Deterministic int8 inference: quantized weights, kernels and integer sampling.

weights        quantized weights and the int8 LSTM step in torch
sampling       from logits to a character with integer arithmetic
dot_products   the instructions that add products of int8, and the layout of a matrix that each of them reads
numba_kernels  the int8 LSTM step and the sampling compiled by numba
"""
