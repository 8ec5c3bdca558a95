"""Products whose terms are equal along the summed dim: constant factors, expanded columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import flashlight_mlir

T = torch.Tensor


def softmax(scores: T, v: T) -> T:
    return torch.softmax(scores, -1) @ v


def column(x: T) -> T:
    return x[..., :1].expand(x.shape)


PROGRAMS: dict[str, Callable[[T, T, T], T]] = {
    "a factor of ones": lambda q, k, v: softmax(torch.ones(19, 16) @ k.mT / 3, v),
    "the other factor of ones": lambda q, k, v: softmax(q @ k.mT, torch.ones(19, 16)),
    "a factor of zeros": lambda q, k, v: softmax(torch.zeros(19, 16) @ k.mT + q @ k.mT, v),
    "two numbers": lambda q, k, v: softmax(torch.full((19, 16), 0.5) @ torch.full((16, 19), 3.0) * q[..., :1], v),
    "one column": lambda q, k, v: softmax(column(q) @ k.mT, v),
    "two columns": lambda q, k, v: softmax(column(q) @ column(k).mT, v),
    "two columns and a log": lambda q, k, v: torch.logsumexp(column(q) @ column(k).mT, -1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_equal_terms_are_counted(name: str) -> None:
    torch.manual_seed(0)
    f, inputs = PROGRAMS[name], [torch.randn(2, 19, 16) for _ in range(3)]
    program = flashlight_mlir.compile(f, *inputs, target="sm_90")
    assert program.kernels
    expected = f(*inputs)
    torch.testing.assert_close(program(*inputs), expected, atol=2e-5, rtol=2e-5)
