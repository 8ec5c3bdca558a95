"""Variance of every row, in one pass over it: ``y = Σ_j (x_j - mean(x))² / (n - 1)``.

Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (1979).
"""

import torch


def variance(x):
    return torch.var(x, dim=-1)


def example_inputs(dtype=torch.float16, rows=5, length=100):
    return (torch.randn(rows, length, dtype=dtype),)
