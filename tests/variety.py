"""Small eager programs as people write them: inputs at a length S, kernels wanted, and what may be stored between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

B, H, D = 2, 4, 32
Axes = Mapping[int, int | tuple[int, ...]]
"""Input number -> its axes that have the length S."""


@dataclass(frozen=True)
class Case:
    function: Callable[..., Any]
    inputs: Callable[[int], tuple[torch.Tensor, ...]]
    axes: Axes
    kernels: int
    stored: tuple[str, ...]
    calls: tuple[str, ...]


CASES: dict[str, Case] = {}


def case(
    inputs: Callable[[int], tuple[torch.Tensor, ...]],
    axes: Axes,
    kernels: int = 1,
    stored: tuple[str, ...] = (),
    calls: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        CASES[f.__name__] = Case(f, inputs, axes, kernels, stored, calls)
        return f

    return add


def half(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float16)


def full(*shape: int) -> torch.Tensor:
    return torch.randn(*shape)


def qkv(s: int) -> tuple[torch.Tensor, ...]:
    return half(B, H, s, D), half(B, H, s, D), half(B, H, s, D)


QKV: Axes = {0: 2, 1: 2, 2: 2}
ROWS: Axes = {0: 1, 1: 1}
MIN = torch.finfo(torch.float16).min


def scores(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])


def lower_triangle(n: int) -> torch.Tensor:
    return torch.ones(n, n, dtype=torch.bool).tril()


# masks


@case(lambda s: (*qkv(s), torch.rand(B, s) < 0.7), {**QKV, 3: 1})
def additive_4d_mask(q, k, v, mask):
    bias = (1.0 - mask[:, None, None, :].to(q.dtype)) * MIN
    return torch.softmax((scores(q, k) + bias).float(), -1).to(q.dtype) @ v


@case(lambda s: (*qkv(s), torch.rand(B, s) < 0.7), {**QKV, 3: 1})
def padding_and_triangle(q, k, v, mask):
    seen = lower_triangle(q.shape[2])[None, None] & mask[:, None, None, :]
    return torch.softmax(scores(q, k).masked_fill(~seen, MIN), -1) @ v


@case(qkv, QKV)
def window(q, k, v):
    i, j = torch.arange(q.shape[2])[:, None], torch.arange(q.shape[2])[None]
    return torch.softmax(torch.where((j <= i) & (i - j < 8), scores(q, k), -1e4), -1) @ v


@case(lambda s: (*qkv(s), torch.rand(B, s) < 0.3), {**QKV, 3: 1})
def nan_guard(q, k, v, keep):
    p = torch.softmax(scores(q, k).masked_fill(~keep[:, None, None], -math.inf), -1)
    return torch.nan_to_num(p, 0.0) @ v


@case(lambda s: (*qkv(s), torch.rand(B, s, s) < 0.1), {**QKV, 3: (1, 2)})
def guarded_maximum(q, k, v, keep):
    s = scores(q, k).masked_fill(~keep[:, None], -math.inf)
    m = s.amax(-1, keepdim=True)
    e = torch.exp(s - torch.where(torch.isneginf(m), 0.0, m))
    total = e.sum(-1, keepdim=True)
    return (e / torch.where(total == 0, 1.0, total)) @ v


@case(lambda s: (*qkv(s), half(H)), {**QKV})
def sigmoid_of_a_sink(q, k, v, sink):
    s = scores(q, k)
    o = torch.softmax(s, -1) @ v
    return o * torch.sigmoid(torch.logsumexp(s.float(), -1) - sink[None, :, None])[..., None].to(v.dtype)


@case(lambda s: (*qkv(s), torch.ones(B, s, dtype=torch.int64)), {**QKV, 3: 1}, 1, ("[2, S] int64",), ("cumsum",))
def slopes_from_cumsum(q, k, v, mask):
    slopes = 2.0 ** (-torch.arange(1, H + 1).float() * 8 / H)
    bias = (slopes[..., None] * ((mask.cumsum(-1) - 1) * mask)[:, None, :]).reshape(B, H, 1, -1)
    return torch.softmax(scores(q, k) + bias.to(q.dtype), -1) @ v


@case(qkv, QKV)
def dropout_of_nothing(q, k, v):
    return F.dropout(torch.softmax(scores(q, k), -1), p=0.0, training=True) @ v


# layouts


@case(lambda s: (half(B, 8, s, D), half(B, 2, s, D), half(B, 2, s, D)), QKV)
def repeated_heads(q, k, v):
    b, h, s, d = k.shape
    k, v = (x[:, :, None].expand(b, h, 4, s, d).reshape(b, h * 4, s, d) for x in (k, v))
    x = torch.matmul(q, k.transpose(2, 3)) * d**-0.5 + torch.where(lower_triangle(s), 0.0, MIN)
    return (F.softmax(x, -1, dtype=torch.float32).to(q.dtype) @ v).transpose(1, 2).contiguous()


@case(lambda s: (half(B, H, s, D), half(B, s, D), half(B, s, D)), {0: 2, 1: 1, 2: 1})
def keys_without_heads(q, k, v):
    x = torch.einsum("bhid,bjd->bhij", q, k) * D**-0.5
    return torch.einsum("bhij,bjd->bhid", x.softmax(-1), v)


@case(lambda s: (half(s, B, H * D), half(s, B, H * D), half(s, B, H * D)), {0: 0, 1: 0, 2: 0})
def sequence_first(q, k, v):
    n = q.shape[0]
    q, k, v = (x.contiguous().view(n, B * H, D).transpose(0, 1) for x in (q, k, v))
    o = torch.bmm(F.softmax(torch.bmm(q, k.transpose(1, 2)) * D**-0.5, -1), v)
    return o.transpose(0, 1).contiguous().view(n, B, H * D)


@case(lambda s: (*qkv(s), half(B, s, H * D)), {**QKV, 3: 1})
def output_gate(q, k, v, g):
    return (torch.softmax(scores(q, k), -1) @ v).transpose(1, 2).flatten(2) * torch.sigmoid(g)


@case(lambda s: (*qkv(s), half(B, H, s, D), half(B, H, s, 8)), {**QKV, 3: 2, 4: 2})
def three_sums(q, k, v, w, x):
    p = torch.softmax(scores(q, k), -1)
    return p @ v, p @ w, p @ x


# scores


@case(lambda s: (*qkv(s), half(H, H), half(H, H)), QKV)
def mixed_heads(q, k, v, a, b):
    p = torch.softmax(torch.einsum("bhij,hg->bgij", scores(q, k), a), -1)
    return torch.einsum("bhij,hg->bgij", p, b) @ v


@case(lambda s: (*qkv(s), half(H, H, 1, 1)), QKV)
def heads_mixed_by_convolution(q, k, v, w):
    return F.conv2d(scores(q, k), w).softmax(-1) @ v


@case(lambda s: (*qkv(s), half(D), half(D)), QKV)
def normalised_queries_and_keys(q, k, v, a, b):
    def norm(x, w):
        return (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype) * w

    return torch.softmax(scores(norm(q, a), norm(k, b)), -1) @ v


@case(lambda s: (*qkv(s), half(H, s, D)), {**QKV, 3: 1}, stored=("[4, 2 * S, S] float16",))
def relative_shift(q, k, v, r):
    x = torch.einsum("bhid,hjd->bhij", q, r)
    b, h, i, j = x.shape
    x = F.pad(x, (1, 0)).view(b, h, j + 1, i)[:, :, 1:].view(b, h, i, j)
    return torch.softmax((q @ k.mT + x) * D**-0.5, -1) @ v


@case(lambda s: (*qkv(s), half(32, H)), QKV)
def bucketed_bias(q, k, v, table):
    far = torch.arange(q.shape[2])[None] - torch.arange(q.shape[2])[:, None]
    near = far.abs()
    large = torch.clamp(8 + (torch.log(near.float() / 8) / math.log(16) * 8).long(), max=15)
    bucket = (far > 0).long() * 16 + torch.where(near < 8, near, large)
    return torch.softmax(q @ k.mT + F.embedding(bucket, table).permute(2, 0, 1)[None], -1) @ v


@case(lambda s: (*qkv(s), half(B, s, s, 16), half(16, H)), {**QKV, 3: (1, 2)})
def pair_bias(q, k, v, z, w):
    return torch.softmax(scores(q, k) + (z @ w).permute(0, 3, 1, 2), -1) @ v


@case(lambda s: (half(B, s, D), half(D, D), half(B, s, D)), {0: 1, 2: 1})
def bilinear_scores(x, w, y):
    return torch.softmax(x @ w @ y.mT, -1) @ y


@case(qkv, QKV)
def centred_keys(q, k, v):
    return torch.softmax(scores(q, k - k.mean(2, keepdim=True)), -1) @ v


@case(
    lambda s: (full(B, s, H, 8), full(B, s, H, 8), full(B, s, H, 8), full(B, s, H, 4, 3), full(B, s, H, 4, 3)),
    dict.fromkeys(range(5), 1),
)
def point_distances(q, k, v, a, b):
    x = torch.einsum("bihd,bjhd->bhij", q, k)
    d = ((a[:, :, None] - b[:, None]) ** 2).sum(-1).sum(-1)
    return torch.einsum("bhij,bjhd->bihd", (x - 0.5 * d.permute(0, 3, 1, 2)).softmax(-1), v)


@case(lambda s: (half(B, 7, D), half(B, s, D), half(B, s, D)), {1: 1, 2: 1})
def slots(q, k, v):
    p = torch.softmax(torch.einsum("bnd,bmd->bnm", k, q) * D**-0.5, -1) + 1e-8
    return torch.einsum("bnm,bnd->bmd", p / p.sum(1, keepdim=True), v)


# results


@case(qkv, QKV, 2, ("[2, 4, S] float32", "[2, 4, S] float32"))
def column_sums(q, k, v):
    p = torch.softmax(scores(q, k), -1)
    return p @ v, p.sum(-2)


@case(qkv, QKV, 2, ("[2, 4, S] float32", "[2, 4, S] float32"))
def softmax_over_queries(q, k, v):
    return torch.softmax(scores(q, k), -2) @ v


@case(qkv, QKV)
def largest_score(q, k, v):
    s = scores(q, k).float()
    return torch.softmax(s, -1).to(v.dtype) @ v, s.amax(-1), torch.logsumexp(s, -1)


@case(qkv, QKV)
def sum_of_exponentials(q, k, v):
    return torch.log(torch.softmax(scores(q, k), -1) @ torch.exp(v))


@case(qkv, QKV)
def decayed_and_signed(q, k, v):
    i = torch.arange(q.shape[2])
    far = (i[:, None] - i[None]).float()
    s = (q @ k.mT).float() * torch.where(far >= 0, 0.9 ** far.clamp(min=0), 0.0)
    return (s / s.abs().sum(-1, keepdim=True).clamp(min=1)).to(v.dtype) @ v


# reductions


@case(lambda s: (full(B, 16, s), full(16), full(16)), {0: 2})
def group_norm(x, w, b):
    return F.group_norm(x, 4, w, b)


@case(lambda s: (full(s, 12), full(12), full(12)), {0: 0})
def batch_norm(x, w, b):
    return F.batch_norm(x, None, None, w, b, training=True)


@case(lambda s: (full(5, 1), full(7, s)), {1: 1})
def products_of_what_repeats(x, y):
    return x.expand(5, 7).prod(1), (x.expand(5, 7) * y.sum(1)).prod(1)


@case(lambda s: (full(5, s),), {0: 1})
def soft_position(x):
    return (x.softmax(-1) * torch.arange(x.shape[-1])).sum(-1)


@case(lambda s: (full(s, D), full(s, D)), {0: 0, 1: 0}, 2, ("[S] float32",))
def contrastive(a, b):
    s = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T / 0.07
    return F.cross_entropy(s, torch.arange(a.shape[0]))


@case(lambda s: (full(s, 50), torch.randint(0, 50, (s,))), {0: 0, 1: 0}, 2, ("[S] float32", "[S] float32"))
def smoothed_labels(x, target):
    return F.cross_entropy(x, target, label_smoothing=0.1)


@case(lambda s: (full(B, s, 3), full(B, s, 3)), ROWS, 3, ("[2, S] float32", "[2, S] float32"))
def nearest_points(x, y):
    d = ((x[:, :, None] - y[:, None]) ** 2).sum(-1)
    return d.min(2).values.mean(1) + d.min(1).values.mean(1)


@case(lambda s: (full(3, s, 5), full(3, 7, 5)), {0: 1})
def norms_of_differences(x, y):
    return tuple(torch.cdist(x, y, p=p).amin(-1) for p in (1, 3, math.inf))


@case(lambda s: (full(s, D), full(8, D)), {0: 0})
def soft_clusters(x, c):
    d = (x * x).sum(-1, keepdim=True) - 2 * x @ c.T + (c * c).sum(-1)
    a = (-d).softmax(-1)
    return (a.T @ x) / a.sum(0)[:, None]


@case(lambda s: (full(B, 8, s),), {0: 2}, 1, ("[2, 8, 8] float32",))
def gram_matrix(x):
    return x @ x.mT / x.shape[-1]


@case(lambda s: (full(3, s, 4, 5),), {0: 1})
def over_several_axes(x):
    return x.sum((1, 3)), x.amax((1, 3)), x.mean((1, 2, 3))


@case(lambda s: (full(5, s), full(5, s)), ROWS)
def correlation(x, y):
    x, y = (t - t.mean(-1, keepdim=True) for t in (x, y))
    return (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))


# what torch keeps


@case(lambda s: (full(s, D), full(8, D)), {0: 0}, 1, ("[S, 8] float32",), ("argmin",))
def nearest_code(x, c):
    d = (x * x).sum(-1, keepdim=True) - 2 * x @ c.T + (c * c).sum(-1)
    return d.argmin(-1), d.min(-1).values
