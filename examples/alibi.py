"""Causal attention with linear biases: ``O = softmax(Q Kᵀ / √d - slope_h (i - j) + M) V``.

Press, Smith, Lewis, Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation (2022), section 3.
"""

import torch


def alibi(q, k, v, slopes):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    i = torch.arange(q.shape[-2], device=q.device)[:, None]
    j = torch.arange(k.shape[-2], device=q.device)[None, :]
    scores = scores + slopes[:, None, None] * (j - i)
    scores = scores.masked_fill(j > i, float("-inf"))
    return torch.softmax(scores, dim=-1).to(v.dtype) @ v


def example_inputs(dtype=torch.float16, batch=2, heads=4, length=17, d=16):
    q, k, v = (torch.randn(batch, heads, length, d, dtype=dtype) for _ in range(3))
    slopes = torch.tensor([2 ** (-8 * (h + 1) / heads) for h in range(heads)])
    return q, k, v, slopes
