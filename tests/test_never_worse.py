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
