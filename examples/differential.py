"""Differential attention: ``O = (softmax(Q₁ K₁ᵀ / √d) - λ softmax(Q₂ K₂ᵀ / √d)) V``, V twice as wide as Q and K.

Ye et al., Differential Transformer (2025), equation 1.
"""

import torch


def differential(q1, q2, k1, k2, v, lam):
    scale = q1.shape[-1] ** -0.5
    p1 = torch.softmax(q1 @ k1.transpose(-1, -2) * scale, dim=-1)
    p2 = torch.softmax(q2 @ k2.transpose(-1, -2) * scale, dim=-1)
    return (p1 - lam * p2) @ v


def example_inputs(dtype=torch.float16, batch=2, heads=2, length=17, d=16):
    q1, q2, k1, k2 = (torch.randn(batch, heads, length, d, dtype=dtype) for _ in range(4))
    v = torch.randn(batch, heads, length, 2 * d, dtype=dtype)
    return q1, q2, k1, k2, v, torch.tensor(0.8, dtype=dtype)
