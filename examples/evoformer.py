"""Row-wise gated self-attention with pair bias: ``O = sigmoid(G) ⊙ softmax(Q Kᵀ / √d + mask_bias + pair_bias) V``.

Jumper et al., Highly accurate protein structure prediction with AlphaFold (2021), supplement, algorithm 7.
"""

import torch


def evoformer(q, k, v, gate, mask, pair_bias):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    mask_bias = 1e4 * (mask - 1)
    scores = scores + mask_bias[:, :, None, None, :] + pair_bias[:, None]
    return torch.sigmoid(gate) * (torch.softmax(scores, dim=-1) @ v)


def example_inputs(dtype=torch.float16, batch=1, rows=3, heads=2, length=17, d=16):
    q, k, v, gate = (torch.randn(batch, rows, heads, length, d, dtype=dtype) for _ in range(4))
    mask = (torch.rand(batch, rows, length) > 0.2).to(dtype)
    pair_bias = torch.randn(batch, heads, length, length, dtype=dtype)
    return q, k, v, gate, mask, pair_bias
