"""Causal attention: ``O = softmax(Q Kᵀ / √d + M) V`` with ``M[i, j] = 0 if j <= i else -∞``.

Vaswani et al., Attention Is All You Need (2017), section 3.2.3.
"""

import torch


def causal(q, k, v):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    i = torch.arange(q.shape[-2], device=q.device)[:, None]
    j = torch.arange(k.shape[-2], device=q.device)[None, :]
    scores = scores.masked_fill(j > i, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


def example_inputs(dtype=torch.float16, batch=2, heads=3, length=17, d=16, e=None):
    q = torch.randn(batch, heads, length, d, dtype=dtype)
    k = torch.randn(batch, heads, length, d, dtype=dtype)
    v = torch.randn(batch, heads, length, e or d, dtype=dtype)
    return q, k, v
