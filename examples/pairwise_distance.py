"""Squared distances between all pairs of points: ``D[i, j] = Σ_d (x[i, d] - y[j, d])²``.

The quadratic form ``|x|² - 2 x·y + |y|²`` is one matrix product, but it cancels where points are close.
"""

import torch


def pairwise_distance(x, y):
    return (x[:, None, :] - y[None, :, :]).square().sum(dim=-1)


def example_inputs(dtype=torch.float16, points=33, others=17, d=16):
    return torch.randn(points, d, dtype=dtype), torch.randn(others, d, dtype=dtype)
