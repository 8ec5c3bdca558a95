"""Programs beyond ``examples/``: how many kernels, what is stored, and every stage against eager float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_compile import assert_near, exact

import flashlight_mlir
from flashlight_mlir.passes.fuse import fold

B, H, D = 2, 2, 16
LENGTHS = (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 200, 257, 1000)
Inputs = Callable[[int], tuple[torch.Tensor, ...]]
PROGRAMS: dict[str, tuple[Callable[..., Any], Inputs, tuple[int | None, ...]]] = {}


def program(inputs: Inputs, *axes: int | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A program with its inputs at a length, and the axis of each input that has it."""

    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS[f.__name__] = f, inputs, axes
        return f

    return add


def half(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float16)


def heads(s: int) -> tuple[torch.Tensor, ...]:
    return half(B, H, s, D), half(B, H, s, D), half(B, H, s, D)


def scores(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return q @ k.mT * q.shape[-1] ** -0.5


@program(lambda s: (half(B, s, 32), half(32), half(32, 48)), 1, None, None)
def rms_norm_matmul(x, w, m):
    return (x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w) @ m


@program(heads, 2, 2, 2)
def off_by_one(q, k, v):
    s = scores(q, k)
    m = s.amax(-1, keepdim=True).clamp(min=0)
    e = torch.exp(s - m)
    return (e / (torch.exp(-m) + e.sum(-1, keepdim=True))) @ v


@program(lambda s: (*heads(s), half(H)), 2, 2, 2, None)
def sinks(q, k, v, sink):
    s = scores(q, k)
    more = sink[None, :, None, None].expand(s.shape[0], -1, s.shape[2], 1)
    return torch.softmax(torch.cat([s, more], -1), -1)[..., :-1] @ v


@program(lambda s: (*heads(s), torch.rand(B, 1, 1, s) < 0.3), 2, 2, 2, 3)
def rows_without_keys(q, k, v, keep):
    return torch.softmax(scores(q, k).masked_fill(~keep, -math.inf), -1) @ v


@program(lambda s: (*heads(s), half(H, 1, 1)), 2, 2, 2, None)
def cosine(q, k, v, t):
    s = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT
    return torch.softmax(s * t.clamp(max=math.log(100)).exp(), -1) @ v


@program(lambda s: (half(B, s, 4, D), half(B, s, 2, D), half(B, s, 2, D)), 1, 1, 1)
def grouped_in_bshd(q, k, v):
    b, s = q.shape[:2]
    x = torch.einsum("bikgd,bjkd->bkgij", q.view(b, s, 2, 2, D), k) * D**-0.5
    return torch.einsum("bkgij,bjkd->bikgd", torch.softmax(x, -1), v).reshape(b, s, 4, D)


@program(heads, 2, 2, 2)
def rotated(q, k, v):
    angle = torch.outer(torch.arange(q.shape[2]).float(), 100.0 ** (-torch.arange(0, D, 2).float() / D))
    c, s = (torch.cat([x, x], -1).to(q.dtype) for x in (angle.cos(), angle.sin()))

    def turn(x):
        return x * c + torch.cat([-x[..., D // 2 :], x[..., : D // 2]], -1) * s

    return torch.softmax(scores(turn(q), turn(k)), -1) @ v


@program(lambda s: (half(B, H, 1, D), half(B, H, s, D), half(B, H, s, 48)), None, 2, 2)
def one_query(q, k, v):
    return torch.softmax(scores(q, k), -1) @ v


@program(heads, 2, 2, 2)
def squared_probabilities(q, k, v):
    p = torch.softmax(scores(q, k), -1) ** 2
    return (p / p.sum(-1, keepdim=True)) @ v


@program(lambda s: (torch.randn(B, 7, s), torch.randn(B, 7, s)), 2, 2)
def divergence(a, b):
    return (torch.softmax(a, -1) * (torch.log_softmax(a, -1) - torch.log_softmax(b, -1))).sum(-1)


@program(lambda s: (torch.randn(B, 7, s), torch.rand(B, 7, s)), 2, 2)
def weighted_moments(x, w):
    w = w / w.sum(-1, keepdim=True)
    m = (w * x).sum(-1, keepdim=True)
    return m.squeeze(-1), (w * (x - m) ** 2).sum(-1)


@program(lambda s: (half(B, s, D), torch.rand(B, s) < 0.5), 1, 1)
def masked_mean(x, keep):
    w = keep[..., None].to(x.dtype)
    return (x * w).sum(1) / w.sum(1).clamp(min=1)


def compiled(name: str) -> flashlight_mlir.compiler.Program:
    f, inputs, axes = PROGRAMS[name]
    size = torch.export.Dim("S", min=1)
    torch.manual_seed(0)
    shapes = tuple(None if a is None else {a: size} for a in axes)
    return flashlight_mlir.compile(f, *inputs(37), dynamic_shapes=shapes)


KERNELS = {"smoothed_cross_entropy": 2}
"""All but these are one kernel: the mean of all rows is one program, and would leave the machine idle over the rows' sums."""


@pytest.mark.parametrize("name", PROGRAMS)
def test_few_kernels_that_agree_with_eager(name: str) -> None:
    f, inputs, _ = PROGRAMS[name]
    p = compiled(name)
    assert len(p.kernels) == KERNELS.get(name, 1)
    assert (p.intermediates == []) == (len(p.kernels) == 1)
    source = p.kernels[0].source
    for length in (1, 70):
        x = inputs(length)
        for stage in ("import", "fuse", "tile"):
            assert_near(p.evaluate(*x, stage=stage), exact(f, x), 1e-5)  # .float() computes in f32 in eager
    assert_near(p.evaluate(*x, stage="lower"), exact(f, x), 8e-3)
    assert p.kernels[0].source == source


def test_one_text_serves_twenty_lengths() -> None:
    f, inputs, _ = PROGRAMS["weighted_moments"]
    p = compiled("weighted_moments")
    source = p.kernels[0].source
    for length in LENGTHS:
        x = inputs(length)
        assert_near(p.evaluate(*x, stage="tile"), exact(f, x), 1e-9)
        assert_near(p(*x), exact(f, x), 1e-5)
    assert [k.source for k in p.kernels] == [source]


def test_what_does_not_compile_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fold.fold_kernel

    def breaks(kernel, streamed):
        if kernel.sym_name.data == "k0":
            raise ValueError("broken on purpose")
        whole(kernel, streamed)

    monkeypatch.setattr(fold, "fold_kernel", breaks)
    x, y = torch.randn(5, 5000), torch.randn(7, 6000)

    def f(x, y):
        return torch.softmax(x, -1), y.square().mean(-1)

    p = flashlight_mlir.compile(f, x, y)
    assert len(p.kernels) == 1
    assert any(r.rule == "compile" and "broken on purpose" in r.text for r in p.remarks)
    for stage in ("import", "fuse", "tile"):
        assert_near(p.evaluate(x, y, stage=stage), exact(f, (x, y)), 1e-9)
    assert_near(p.evaluate(x, y, stage="lower"), f(x, y), 1e-5)
