"""Attention that also returns the log-sum-exp of its scores and the entropy of its probabilities.

``O = P V``, ``L = log Σ_j exp(S_j)``, ``H = -Σ_j P_j log P_j`` with ``S = Q Kᵀ / √d``, ``P = softmax(S)``. The entropy is
what Zhai et al., Stabilizing Transformer Training by Preventing Attention Entropy Collapse (2023), watch.
"""

import torch


def lse_entropy(q, k, v):
    scores = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).float()
    log_p = torch.log_softmax(scores, dim=-1)
    p = log_p.exp()
    entropy = -(p * log_p).sum(dim=-1)
    return p.to(v.dtype) @ v, torch.logsumexp(scores, dim=-1), entropy


def example_inputs(dtype=torch.float16, batch=2, heads=3, length=17, d=16):
    return tuple(torch.randn(batch, heads, length, d, dtype=dtype) for _ in range(3))
