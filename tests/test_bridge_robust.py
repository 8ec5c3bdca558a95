"""Whatever a program holds besides our chains: results are eager's, with our kernels where they can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bridge import assert_same, fused, qkv, regions, reports, softcap
from torch.utils._pytree import tree_map

T = torch.Tensor
Case = tuple[Callable[..., Any], tuple[Any, ...], int]
"""A program, its inputs, and how many regions become kernels."""


def masked(q: T, k: T, v: T, mask: T) -> T:
    return torch.softmax((5 * torch.tanh(q @ k.mT / 20)).masked_fill(mask, -torch.inf), -1) @ v


def masked_by_bytes(q: T, k: T, v: T, mask: T) -> T:
    return torch.softmax((5 * torch.tanh(q @ k.mT / 20)).masked_fill(mask == 0, -1e9) - 0.1 * mask, -1) @ v


def autocast(q: T, k: T, v: T) -> T:
    with torch.autocast("cpu", dtype=torch.float16):
        return softcap(q, k, v)


def broken(q: T, k: T, v: T) -> T:
    o = softcap(q, k, v)
    torch._dynamo.graph_break()
    return softcap(o, k, v) + 1


def updates_before_and_after(q: T, k: T, v: T) -> T:
    q.mul_(2)
    o = softcap(q, k, v)
    k.add_(o)
    return o


def updates_only(q: T, k: T, v: T) -> None:
    q.copy_(softcap(q, k, v))
    v[..., 3:5] = 7


def several(q: T, k: T, v: T) -> dict[str, Any]:
    s = 5 * torch.tanh(q @ k.mT / 20)
    return {"o": torch.softmax(s, -1) @ v, "rest": (torch.logsumexp(s, -1), 3, None, "x", q.shape[2] * 2)}


def complex_after(q: T, k: T, v: T) -> T:
    o = torch.view_as_complex(softcap(q, k, v).unflatten(-1, (8, 2)))
    return torch.view_as_real(o * (1 + 2j)).flatten(-2)


def rng(q: T, k: T, v: T) -> T:
    o = softcap(q + torch.rand_like(q), k, v)
    return F.dropout(o, 0.3) + torch.randn(o.shape[-2:])


def dropped_weights(q: T, k: T, v: T) -> T:
    return F.dropout(torch.softmax(5 * torch.tanh(q @ k.mT / 20), -1), 0.5) @ v


def writes_at(q: T, k: T, v: T, keys: T, values: T, at: T) -> T:
    keys.index_copy_(2, at, k)
    values.index_copy_(2, at, v)
    return softcap(q, keys, values)


def writes_a_slice(q: T, k: T, v: T, keys: T, values: T) -> T:
    keys[:, :, 4:23] = k
    values[:, :, 4:23] = v
    return softcap(q, keys[:, :, :23], values[:, :, :23])


def appends(q: T, k: T, v: T, keys: T, values: T) -> tuple[T, T, T]:
    keys, values = torch.cat([keys, k], 2), torch.cat([values, v], 2)
    return softcap(q, keys, values), keys, values


def updates_scores(q: T, k: T, v: T) -> T:
    s = q @ k.mT
    return s.mul_(0.1).tanh_().masked_fill_(s > 0.9, -9).softmax(-1) @ v


def dropping(p: float, training: bool) -> Callable[[T, T, T], T]:
    return lambda q, k, v: F.dropout(torch.softmax(5 * torch.tanh(q @ k.mT / 20), -1), p, training) @ v


def jagged(*lengths: int) -> T:
    return torch.nested.nested_tensor([torch.randn(n, 2, 16) for n in lengths], layout=torch.jagged)


def cache() -> tuple[T, T]:
    return torch.randn(1, 2, 32, 16), torch.randn(1, 2, 32, 16)


def heads_first(n: T, k: T, v: T) -> T:
    return softcap(torch.nested.to_padded_tensor(n, 0.0).transpose(1, 2), k, v)


def branches(q: T, k: T, v: T) -> T:
    return torch.cond(q.sum() > 0, lambda q, k, v: softcap(q, k, v), lambda q, k, v: softcap(k, q, v) + 1, (q, k, v))


def interleaved(q: T, k: T, v: T) -> tuple[T, T]:
    """Each of two chains reads, through something of torch's, what the other gives besides its result."""
    s, t = q @ k.mT / 8, k @ q.mT / 8
    a, b = torch.softmax(s, -1), torch.softmax(t, -1)
    x, y = torch.cumsum(a.amax(-1), -1), torch.cumsum(b.amax(-1), -1)
    return (a * y[..., None]) @ v, (b * x[..., None]) @ v


def in_slices(q: T, k: T, v: T) -> T:
    """Two chains write their results side by side: neither is computed for the other's place."""
    o = torch.zeros_like(q)
    for h in range(2):
        o[:, h : h + 1] = softcap(q[:, h : h + 1], k[:, h : h + 1], v[:, h : h + 1])
    return o * 2


def cases() -> dict[str, Case]:
    q, k, v = x = tuple(qkv())
    keep, at = torch.rand(19, 19) > 0.3, torch.arange(3, 22)
    return {
        "f16": (softcap, tuple(t.half() for t in x), 1),
        "f64": (softcap, tuple(t.double() for t in x), 0),
        "complex": (lambda q, k, v: (q @ k.mT).abs().softmax(-1) @ v.real, tuple(t.to(torch.complex64) for t in x), 1),
        "complex after": (complex_after, x, 1),
        "sparse": (lambda q, k, v, m: torch.sparse.mm(m, softcap(q, k, v)[0, 0]), (*x, torch.eye(19).to_sparse()), 1),
        "autocast": (autocast, x, 1),
        "vmap": (lambda *x: torch.vmap(softcap)(*x), x, 1),
        "vmap over an axis": (lambda *x: torch.vmap(softcap, in_dims=(1, 1, 1), out_dims=2)(*x), x, 1),
        "vmap over one": (lambda q, k, v: torch.vmap(softcap, in_dims=(0, None, None))(q, k[0], v[0]), x, 1),
        "graph break": (broken, x, 2),
        "inputs are updated": (updates_before_and_after, x, 1),
        "inputs are updated only": (updates_only, x, 1),
        "an input is a view of another": (lambda q: (q.add_(1), softcap(q, q[:, :1], q))[1], (q,), 1),
        "results share memory": (lambda q, k, v: (o := softcap(q, k, v), o.mT, q.view(-1), o[:, 0]), x, 1),
        "several": (several, x, 1),
        "rng": (rng, x, 1),
        "dropped weights": (dropped_weights, x, 1),
        "numbers": (lambda q, k, v, a, b: (torch.softmax(a * torch.tanh(q @ k.mT / b), -1) @ v, a * 2), (*x, 5.0, 20), 1),
        "no axes": (lambda q, k, v, t: torch.softmax(t * torch.tanh(q @ k.mT), -1) @ v, (*x, torch.tensor(5.0)), 1),
        "a root of a constant": (lambda q, k, v: (q @ k.mT / torch.sqrt(torch.tensor(16.0))).tanh().softmax(-1) @ v, x, 1),
        "item": (lambda q, k, v: softcap(q, k, v) * v.sum().item(), x, 1),
        "sizes from values": (lambda q, k, v: softcap(q, k, v)[0, 0][q[0, 0, :, 0].nonzero()[:, 0]], x, 1),
        "no keys": (softcap, (q, k[:, :, :0], v[:, :, :0]), 0),
        "no queries": (softcap, (q[:, :, :0], k, v), 0),
        "no batch": (softcap, tuple(t[:0] for t in x), 0),
        "one query": (softcap, (q[:, :, :1], k, v), 1),
        "one key": (softcap, (q, k[:, :, :1], v[:, :, :1]), 1),
        "the same thrice": (softcap, (q, q, q), 1),
        "mask": (masked, (*x, keep), 1),
        "no row of the mask is free": (masked, (*x, torch.ones(19, 19, dtype=torch.bool)), 1),
        "integers": (lambda q, k, v: (q @ k.mT).float().softmax(-1) @ v.float(), tuple((9 * t).int() for t in x), 1),
        "a gradient": (lambda q, k, v: torch.func.grad(lambda q: softcap(q, k, v).sum())(q), x, 1),
        "a size less another": (
            lambda q, k, v, n: softcap(q, k[:, :, n.shape[0] :], v[:, :, n.shape[0] :]),
            (*x, v[0, 0, :5, 0]),
            1,
        ),
        "cache written at positions": (writes_at, (*x, *cache(), at), 1),
        "cache written by slice": (writes_a_slice, (*x, *cache()), 1),
        "cache that grows": (appends, (*x, *cache()), 1),
        "scores are updated": (updates_scores, x, 1),
        "dropout of nothing": (dropping(0.0, True), x, 1),
        "dropout of all": (dropping(1.0, True), x, 1),
        "a result is given": (lambda q, k, v, o: torch.add(softcap(q, k, v), 1, out=o), (*x, torch.empty_like(q)), 1),
        "jagged": (lambda q: F.scaled_dot_product_attention(*[q.transpose(1, 2)] * 3).transpose(1, 2).values(), (jagged(3, 7),), 0),
        "jagged, padded": (heads_first, (jagged(19), k, v), 1),
        "mask of bytes": (masked_by_bytes, (*x, keep.to(torch.uint8)), 1),
        "float8": (lambda q, k, v: softcap(q.to(torch.float8_e4m3fn).float(), k, v), x, 1),
        "tangents": (lambda q, k, v: torch.func.jvp(lambda q: softcap(q, k, v), (q,), (k,)), x, 1),
        "branches": (branches, x, 2),
        "interleaved": (interleaved, x, 1),
        "a difference of two": (lambda q, k, v: (softcap(q, k, v) - 0.3 * softcap(k, q, v)).relu(), x, 2),
        "in slices": (in_slices, x, 2),
    }


CASES = cases()


def copied(inputs: Any) -> Any:
    return tree_map(lambda t: t.clone() if isinstance(t, T) else t, inputs)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_results_are_eagers(name: str, dynamic: bool) -> None:
    f, inputs, count = CASES[name]
    ours, eagers = copied(inputs), copied(inputs)
    torch.manual_seed(0)
    expected = f(*eagers)
    with reports() as found, torch._inductor.config.patch(fallback_random=True):
        torch.manual_seed(0)
        got = fused(f, dynamic=dynamic)(*ours)
    tolerance = 2e-3 if name in ("f16", "autocast") else 2e-5
    assert_same(got, expected, tolerance)
    assert_same([t for t in ours if isinstance(t, T)], [t for t in eagers if isinstance(t, T)], tolerance)
    assert regions(found) == count
    for report in found:
        assert report.regions or report.refusals, "a graph is left without a reason"
        assert not [r for r in report.refusals if r.failed]


def test_of_two_regions_that_wait_for_each_other_one_is_left() -> None:
    """As one node each they would be on a cycle, though neither is alone."""
    with reports() as found:
        fused(interleaved)(*qkv())
    assert "it and another region would each wait for what the other computes" in [r.reason for r in found[0].refusals]
