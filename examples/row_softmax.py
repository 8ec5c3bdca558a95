"""Softmax of every row: ``y_j = exp(x_j) / Σ_k exp(x_k)``.

Milakov, Gimelshein, Online normalizer calculation for softmax (2018), algorithm 3.
"""

import torch


def row_softmax(x):
    return torch.softmax(x, dim=-1)


def example_inputs(dtype=torch.float16, rows=5, length=100):
    return (torch.randn(rows, length, dtype=dtype),)
