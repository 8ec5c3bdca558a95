"""What a program computes from constants only is a constant."""

from __future__ import annotations

import torch
from test_import import check


def test_ops_on_numbers_are_numbers() -> None:
    """A root that a program takes of a constant is taken here: no kernel computes it, in whatever dtype numbers have there."""

    def f(x: torch.Tensor) -> torch.Tensor:
        scale = torch.sqrt(torch.tensor(x.shape[-1], dtype=x.dtype))
        low = -torch.full((3, 16), 2.0, dtype=torch.float16).float().exp()
        return (x / scale).masked_fill(x > torch.tensor(1) + 1, -1e9) + low

    torch.manual_seed(0)
    imported = check(f, 3 * torch.randn(3, 16))
    assert {op.name for op in imported.module.walk()} & {"pointwise.sqrt", "pointwise.exp", "pointwise.neg"} == set()
