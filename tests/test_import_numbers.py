"""What a program computes from constants only is a constant."""

from __future__ import annotations

import torch
from test_import import check

from flashlight_mlir.interpreters import evaluate


def test_ops_on_numbers_are_numbers() -> None:
    """A root that a program takes of a constant is taken here: no kernel computes it, in whatever dtype numbers have there."""

    def f(x: torch.Tensor) -> torch.Tensor:
        scale = torch.sqrt(torch.tensor(x.shape[-1], dtype=x.dtype))
        low = -torch.full((3, 16), 2.0, dtype=torch.float16).float().exp()
        return (x / scale).masked_fill(x > torch.tensor(1) + 1, -1e9) + low

    torch.manual_seed(0)
    imported = check(f, 3 * torch.randn(3, 16))
    assert {op.name for op in imported.module.walk()} & {"pointwise.sqrt", "pointwise.exp", "pointwise.neg"} == set()


def test_a_difference_of_sizes_may_be_negative() -> None:
    """Where the keys of a cache end, less where the queries do: at another call there are more queries than keys."""

    def f(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        last = torch.arange(q.shape[0])[:, None] + (k.shape[0] - q.shape[0])
        return (q @ k.mT).masked_fill(last < torch.arange(k.shape[0]), 0)

    dims = {0: torch.export.Dim("S", min=2, max=99)}, {0: torch.export.Dim("T", min=2, max=99)}
    imported = check(f, torch.randn(5, 4), torch.randn(7, 4), dynamic=dims)
    more = torch.randn(9, 4), torch.randn(3, 4)
    (got,) = evaluate(imported.module, list(more))
    torch.testing.assert_close(got.float(), f(*more))
