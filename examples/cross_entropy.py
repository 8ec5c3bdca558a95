"""Cross-entropy over the logits ``x W``, which are never stored: ``y_i = log Σ_j exp(z_ij) - z_{i,t_i}``, ``z = x W``.

Wijmans et al., Cut Your Losses in Large-Vocabulary Language Models (2025).
"""

import torch
import torch.nn.functional as F


def cross_entropy(x, w, target):
    return F.cross_entropy((x @ w).float(), target, reduction="none")


def example_inputs(dtype=torch.float16, tokens=33, d=32, vocabulary=100):
    x, w = torch.randn(tokens, d, dtype=dtype), torch.randn(d, vocabulary, dtype=dtype)
    return x, w, torch.randint(vocabulary, (tokens,))
