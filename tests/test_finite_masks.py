"""Masks made of large finite numbers instead of -∞ (``finfo.min``): rows that see nothing average everything, as in eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import flashlight_mlir

Tensor = torch.Tensor
Function = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
MIN = torch.finfo(torch.float32).min


def seen(q: Tensor, keep: Tensor) -> Tensor:
    """Causal, and no padding: batch, query, key."""
    i = torch.arange(q.shape[-2])
    return (i[:, None] >= i) & keep[:, None, :]


def scores(q: Tensor, k: Tensor) -> Tensor:
    return (q @ k.mT * 0.125).float()


def attend(s: Tensor, v: Tensor) -> Tensor:
    return torch.softmax(s, -1).to(v.dtype) @ v


def added(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    return attend(scores(q, k) + torch.where(seen(q, keep), 0.0, MIN), v)


def filled(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    return attend(scores(q, k).masked_fill(~seen(q, keep), MIN), v)


def twice(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    """Hidden for two reasons is -∞ in f32: a row of that is NaN."""
    return attend(scores(q, k) + torch.where(seen(q, keep), 0.0, MIN) + torch.where(keep, 0.0, MIN)[:, None], v)


def inputs(dtype: torch.dtype = torch.float16, length: int = 150) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The second sequence is padded on the left, the third is padding."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(3, length, 16).to(dtype) for _ in range(3))
    keep = torch.arange(length) >= torch.tensor([[0], [length // 2], [length]])
    return q, k, v, keep


@pytest.mark.parametrize("f", [added, filled, twice])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_rows_that_see_nothing(f: Function, dtype: torch.dtype) -> None:
    args = inputs(dtype)
    program = flashlight_mlir.compile(f, *args)
    assert len(program.kernels) == 1
    expected = f(*args)
    assert expected.isfinite().all() == (f is not twice)
    torch.testing.assert_close(program(*args), expected, rtol=2e-3, atol=2e-3 if dtype == torch.float16 else 1e-5, equal_nan=True)
