"""Grouped-query attention: ``O_h = softmax(Q_h K_{⌊h/g⌋}ᵀ / √d) V_{⌊h/g⌋}``, written in three ways.

Ainslie et al., GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints (2023), section 2.2.
"""

import torch


def _attention(q, k, v):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return torch.softmax(scores, dim=-1) @ v


def gqa_repeat_interleave(q, k, v):
    groups = q.shape[1] // k.shape[1]
    return _attention(q, k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1))


def gqa_expand(q, k, v):
    def repeat(x):
        batch, heads, length, d = x.shape
        x = x[:, :, None].expand(batch, heads, q.shape[1] // heads, length, d)
        return x.reshape(batch, q.shape[1], length, d)

    return _attention(q, repeat(k), repeat(v))


def gqa_view(q, k, v):
    batch, heads, length, d = q.shape
    q = q.view(batch, k.shape[1], heads // k.shape[1], length, d)
    o = _attention(q, k[:, :, None], v[:, :, None])
    return o.reshape(batch, heads, length, v.shape[-1])


def example_inputs(dtype=torch.float16, batch=2, kv_heads=2, groups=3, length=17, d=16):
    q = torch.randn(batch, kv_heads * groups, length, d, dtype=dtype)
    k, v = (torch.randn(batch, kv_heads, length, d, dtype=dtype) for _ in range(2))
    return q, k, v
