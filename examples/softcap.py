"""Attention with a soft cap on its logits: ``O = softmax(c tanh(Q Kᵀ / (c √d))) V``.

Gemma Team, Gemma 2: Improving Open Language Models at a Practical Size (2024), section 2.
"""

import torch

CAP = 30.0


def softcap(q, k, v):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    scores = CAP * torch.tanh(scores / CAP)
    return torch.softmax(scores, dim=-1) @ v


def example_inputs(dtype=torch.float16, batch=2, heads=3, length=17, d=16):
    return tuple(torch.randn(batch, heads, length, d, dtype=dtype) for _ in range(3))
