"""Full attention: ``O = softmax(Q Kᵀ / √d) V``.

Vaswani et al., Attention Is All You Need (2017), equation 1.
"""

import torch


def full(q, k, v):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return torch.softmax(scores, dim=-1) @ v


def example_inputs(dtype=torch.float16, batch=2, heads=3, length=17, keys=None, d=16, e=None):
    keys, e = keys or length, e or d
    q = torch.randn(batch, heads, length, d, dtype=dtype)
    k = torch.randn(batch, heads, keys, d, dtype=dtype)
    v = torch.randn(batch, heads, keys, e, dtype=dtype)
    return q, k, v
