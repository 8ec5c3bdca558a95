"""Never worse: what is left to a library although it could be fused, with the numbers that say so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import flashlight_mlir


def weighted(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    i, j = torch.arange(q.shape[-2])[:, None], torch.arange(k.shape[-2])
    return torch.softmax((q @ k.transpose(-1, -2)).masked_fill(j > i, -torch.inf), -1) @ v


def full(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1) @ v


def elementwise(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """A product over three dims that each factor has: no dot."""
    x = torch.einsum("bhid,bhjd->bhij", q, k).softmax(-1)
    y = torch.einsum("bhij,bgij->bhgi", x, x * 2)
    return y.sum(-1) + v.sum()


def reasons(f: Callable[..., torch.Tensor], d: int, dtype: torch.dtype) -> tuple[int, str]:
    args = [torch.randn(2, 4, 512, d, dtype=dtype) for _ in range(3)]
    with torch.no_grad():
        report = flashlight_mlir.explain(f, target="sm_90")(*args)
    return sum(r.copies for r in report.regions), "; ".join(r.reason for r in report.refusals)


@pytest.mark.parametrize(
    ("f", "d", "dtype", "fused", "reason"),
    [
        (weighted, 64, torch.float16, 1, ""),
        (weighted, 16, torch.float32, 1, ""),
        (weighted, 64, torch.float32, 0, "f32 products without tensor cores: fused"),
        (full, 64, torch.float16, 0, "a vendor's kernel"),
    ],
)
def test_rules(f: Callable[..., torch.Tensor], d: int, dtype: torch.dtype, fused: int, reason: str) -> None:
    found, said = reasons(f, d, dtype)
    assert found == fused
    assert reason in said


def test_f32_with_tensor_cores_is_fused() -> None:
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        assert reasons(weighted, 64, torch.float32)[0] == 1
    finally:
        torch.backends.cuda.matmul.fp32_precision = before


def test_products_by_hand_are_left() -> None:
    """And with them the statistics of scores that are stored anyway."""
    found, said = reasons(elementwise, 64, torch.float16)
    assert found == 0
    assert "products that are no matrix products: fused" in said
    assert "stored for something else" in said


def multi_query(x: torch.Tensor, wq: torch.Tensor, wk: torch.Tensor, wv: torch.Tensor) -> torch.Tensor:
    """All heads share keys and values: of one sequence, they are one matrix, but no weights."""
    q, k, v = torch.einsum("bnd,hdk->bnhk", x, wq), x @ wk, x @ wv
    return torch.einsum("bnhm,bmv->bnhv", torch.einsum("bnhk,bmk->bnhm", q, k).softmax(-1), v)


def mixed(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """A linear layer over the heads of the scores."""
    s = (q @ k.mT).permute(0, 2, 3, 1) @ w
    return s.permute(0, 3, 1, 2).softmax(-1) @ v


@pytest.mark.parametrize("batch", [1, 2])
def test_what_is_computed_is_no_weight(batch: int) -> None:
    shapes = ((batch, 512, 64), (4, 64, 32), (64, 32), (64, 32))
    with torch.no_grad():
        report = flashlight_mlir.explain(multi_query, target="sm_90")(*(torch.randn(s, dtype=torch.float16) for s in shapes))
    assert sum(r.copies for r in report.regions) == 1, report
    assert {r.op for r in report.refusals} <= {"aten.mm.default"}, report


def test_few_channels_of_something_computed_are_mixed_in_its_kernel() -> None:
    inputs = [torch.randn(2, 4, 40, 16, dtype=torch.float16) for _ in range(3)]
    with torch.no_grad():
        report = flashlight_mlir.explain(mixed, target="sm_90")(*inputs, torch.randn(4, 4, dtype=torch.float16))
    (region,) = report.regions
    assert len(region.kernels) == 1
    assert not report.refusals


def windowed(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    n = q.shape[-2]
    bias = table[index.view(-1)].view(n, n, -1).permute(2, 0, 1)
    return torch.softmax(q @ k.mT + bias, -1) @ v


@pytest.mark.parametrize(("windows", "gathered"), [(4, True), (1024, False)])
def test_a_gather_that_many_windows_need_is_stored(windows: int, gathered: bool) -> None:
    """49 x 49 positions: to store them is a launch, to gather them in each window takes longer if there are many."""
    q, k, v = (torch.randn(windows, 4, 49, 16, dtype=torch.float16) for _ in range(3))
    with torch.no_grad():
        report = flashlight_mlir.explain(windowed, target="sm_90")(
            q, k, v, torch.randn(169, 4, dtype=torch.float16), torch.randint(169, (49, 49))
        )
    (region,) = report.regions
    assert ("tensor_ext.take" in region.ir["import"]) == gathered


def gated(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Heads are mixed after the softmax, and the result is read as one row of all heads."""
    p = torch.softmax(q @ k.mT, -1)
    o = torch.einsum("bhij,hg->bgij", p, w) @ v
    return torch.nn.functional.gelu(o.transpose(2, 3).flatten(1, 2).unflatten(2, (7, 7)))


def test_what_each_program_computes_again_is_counted() -> None:
    """A program for each column of the result would multiply queries and keys again."""
    q, k = (torch.randn(1, 8, 49, 32, dtype=torch.float16) for _ in range(2))
    v = torch.randn(1, 8, 49, 128, dtype=torch.float16)
    with torch.no_grad():
        report = flashlight_mlir.explain(gated, target="sm_90")(q, k, v, torch.randn(8, 8, dtype=torch.float16))
    assert not report.regions
    assert any("by a vendor's library" in r.reason for r in report.refusals), report


def band(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    i, j = torch.arange(q.shape[-2])[:, None], torch.arange(k.shape[-2])[None]
    mask = torch.where((j <= i) & (j > i - 1024), 0.0, torch.finfo(q.dtype).min).to(q.dtype)
    return torch.softmax(torch.tanh(q @ k.mT / 50) * 50 + mask, -1) @ v


def test_the_parts_of_a_range_are_counted_once() -> None:
    """Five loops: mixed and whole tiles, and those of rows that saw nothing."""
    q, k, v = (torch.randn(2, 8, 4096, 256, dtype=torch.bfloat16) for _ in range(3))
    with torch.no_grad():
        report = flashlight_mlir.explain(band, target="sm_90")(q, k, v)
    (region,) = report.regions
    assert region.kernels[0].source.count("for v") == 5
