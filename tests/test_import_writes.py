"""Parts of a tensor that are written, repeated or copied: imported without calls."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from test_import import check


def written(x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    y[:, 1:3] = x[:, :2] + 1
    y[:, -2:] = 0
    y[..., 3] = x[..., 1]
    y[0] = 1
    return y


def repeated(x: torch.Tensor) -> torch.Tensor:
    return x.repeat(2, 3, 1, 2)


def gated(x: torch.Tensor) -> torch.Tensor:
    return F.glu(x, 1) + F.glu(x.mT, -1).mT


def copied(x: torch.Tensor) -> torch.Tensor:
    return torch.ops.aten.copy.default(x, x[:1])


def taken(x: torch.Tensor) -> torch.Tensor:
    return x.index_select(1, torch.arange(4))


def test_parts_that_are_written() -> None:
    x = torch.randn(3, 6, 8)
    for f in (written, repeated, gated, copied, taken):
        check(f, x)
    assert "tensor_ext.take" not in str(check(taken, x).module)
