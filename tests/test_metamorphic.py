"""What must not change, or change in a known way, when the inputs do: of the derived fold (float64, random chunks) and of the kernels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from programs import programs
from torch.export import Dim

import flashlight_mlir
from flashlight_mlir.compiler import Program

EXAMPLES = {p.name: p.function for p in programs()}
B, H, S, D = 2, 2, 37, 16
Run = Callable[..., Any]


def scores(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return q @ k.mT * q.shape[-1] ** -0.5


def partial(q, k, v):
    s = scores(q, k)
    return torch.softmax(s, -1) @ v, torch.logsumexp(s, -1)


def biased(q, k, v, bias):
    return torch.softmax(scores(q, k) + bias[..., None], -1) @ v


def kept(q, k, v, keep):
    return torch.softmax(scores(q, k).masked_fill(~keep, -math.inf), -1) @ v


PROGRAMS: dict[str, Callable[..., Any]] = {"partial": partial, "biased": biased, "kept": kept, **EXAMPLES}


@cache
def compiled(name: str, axes: tuple[tuple[int, ...], ...]) -> Program:
    """One program for any sizes of the axes named, per input."""
    q = torch.randn(B, H, S, D)
    more = {"biased": (torch.randn(B, H, S),), "kept": (torch.rand(S, S) < 0.5,)}.get(name, ())
    kv = torch.randn(B, 1 if name == "gqa_view" else H, S, D)
    shapes = [{a: Dim.AUTO for a in each} or None for each in axes]
    return flashlight_mlir.compile(PROGRAMS[name], q, kv, kv.clone(), *more, dynamic_shapes=tuple(shapes))


@pytest.fixture(params=["fold", "kernel"])
def run(request: pytest.FixtureRequest) -> Run:
    def call(name: str, *inputs: torch.Tensor) -> Any:
        free = [tuple(a for a in range(x.ndim) if x.ndim - 1 > a or x.ndim < 4) for x in inputs]
        program = compiled(name, tuple(free))
        assert len(program.kernels) == 1
        if request.param == "fold":
            return program.evaluate(*inputs, stage="fuse", chunks=random.Random(sum(x.numel() for x in inputs)))
        return program.evaluate(*inputs, stage="lower")

    return call


def inputs(keys: int = S, batch: int = B, kv_heads: int = H) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(keys)
    shapes = ((batch, H, S, D), (batch, kv_heads, keys, D), (batch, kv_heads, keys, D))
    return tuple(torch.randn(s, generator=generator) for s in shapes)


def same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.abs().max() > 0.01
    tolerance = 1e-12 if actual.dtype == torch.float64 else 2e-6
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def test_keys_and_values_in_another_order(run: Run) -> None:
    q, k, v = inputs()
    order = torch.randperm(S, generator=torch.Generator().manual_seed(1))
    same(run("full", q, k[:, :, order], v[:, :, order]), run("full", q, k, v))


@pytest.mark.parametrize("at", [1, 16, 30])
def test_split_and_merged(run: Run, at: int) -> None:
    q, k, v = inputs()
    (a, la), (b, lb) = (run("partial", q, k[:, :, part], v[:, :, part]) for part in (slice(at), slice(at, None)))
    o, lse = run("partial", q, k, v)
    same(torch.logaddexp(la, lb), lse)
    same(a * (la - lse).exp()[..., None] + b * (lb - lse).exp()[..., None], o)


@pytest.mark.parametrize("size", [0.5, 30.0])
def test_a_constant_added_to_a_row(run: Run, size: float) -> None:
    """Exact in exact arithmetic; in f32 a score near c is off by c · 2⁻²⁴."""
    q, k, v = inputs()
    c = size * torch.randn(B, H, S, generator=torch.Generator().manual_seed(2))
    shifted, plain = run("biased", q, k, v, c), run("biased", q, k, v, torch.zeros_like(c))
    tolerance = 1e-12 if shifted.dtype == torch.float64 else 2e-6 + 4 * float(c.abs().max()) * 2**-24
    torch.testing.assert_close(shifted, plain, rtol=0, atol=tolerance)


def test_scaled_values(run: Run) -> None:
    q, k, v = inputs()
    assert torch.equal(run("full", q, k, -8 * v), -8 * run("full", q, k, v)), "a power of two changes no digit"
    v = v.bfloat16().float()  # 3 v is then no rounded number
    same(run("full", q, k, 3 * v), 3 * run("full", q, k, v))


@pytest.mark.parametrize("extra", [1, 40])
def test_padded_by_masked_keys(run: Run, extra: int) -> None:
    q, k, v = inputs()
    keep = torch.rand(S, S, generator=torch.Generator().manual_seed(3)) < 0.5
    keep[:, 0] = True
    longer = [torch.cat([x, 50 * torch.randn(B, H, extra, D)], 2) for x in (k, v)]
    padded = torch.cat([keep, torch.zeros(S, extra, dtype=torch.bool)], 1)
    same(run("kept", q, *longer, padded), run("kept", q, k, v, keep))


def test_a_batch_is_a_loop_of_singles(run: Run) -> None:
    args = inputs(batch=3)
    whole = run("causal", *args)
    singles = torch.cat([run("causal", *(x[n : n + 1] for x in args)) for n in range(3)])
    if whole.dtype == torch.float32:  # kernels: the same programs, so the same bits; the fold's chunks are random
        assert torch.equal(whole, singles)
    same(whole, singles)


def test_grouped_queries_are_repeated_heads(run: Run) -> None:
    q, k, v = inputs(kv_heads=1)
    same(run("gqa_view", q, k, v), run("full", q, k.repeat(1, H, 1, 1), v.repeat(1, H, 1, 1)))


def test_causal_is_an_explicit_mask(run: Run) -> None:
    q, k, v = inputs()
    same(run("causal", q, k, v), run("kept", q, k, v, torch.ones(S, S, dtype=torch.bool).tril()))


def test_one_key_gives_its_value(run: Run) -> None:
    q, k, v = inputs(keys=1)
    o = run("full", q, k, v)
    assert torch.equal(o, v.expand(B, H, S, D).to(o.dtype))
