"""Lanes of a block are neighbours in memory: an operand that lies otherwise is written, or copied, in another order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from bridge import assert_same, compiled, fused, reports
from torch._inductor import config

from flashlight_mlir.bridge.operands import ORDERED, readable

HEADS_INNERMOST = torch.empty(40, 80, 32)


def test_the_last_lane_becomes_innermost() -> None:
    assert readable(HEADS_INNERMOST, {0, 1}).stride() == (80 * 32, 1, 80)
    assert readable(HEADS_INNERMOST, {0}).stride() == (1, 32 * 40, 40)
    x = readable(torch.arange(40 * 80 * 32.0).reshape(40, 80, 32), {1})
    assert torch.equal(x, torch.arange(40 * 80 * 32.0).reshape(40, 80, 32))


@pytest.mark.parametrize(
    ("x", "lanes"),
    [
        (HEADS_INNERMOST, {1, 2}),
        (HEADS_INNERMOST, set[int]()),
        (HEADS_INNERMOST[:4, :4], {0}),  # a cache holds it
        (HEADS_INNERMOST[:, :, None].expand(40, 80, 2, 32), {0, 1}),  # a copy would be larger
        (HEADS_INNERMOST[..., ::2], {0, 1}),  # nothing is innermost
        (HEADS_INNERMOST[:, :1, :].expand(40, 1, 32).repeat(64, 1, 1), {1}),  # a lane of one element
    ],
)
def test_what_stays(x: torch.Tensor, lanes: set[int]) -> None:
    assert readable(x, lanes) is x


def biased(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.softmax(q @ k.transpose(-1, -2) / 4 + bias.permute(2, 0, 1), -1) @ v


@pytest.mark.parametrize("compile", [compiled, fused])
@pytest.mark.parametrize("dynamic", [False, True])
def test_a_bias_with_its_heads_innermost(compile: Callable[..., Callable[..., torch.Tensor]], dynamic: bool) -> None:
    torch.manual_seed(0)
    with torch.no_grad(), config.patch(force_disable_caches=True), reports() as found:
        run = compile(biased, dynamic=dynamic)
        for n in (129, 135) if dynamic else (129,):
            args = [*(torch.randn(1, 4, n, 16) for _ in range(3)), torch.randn(n, n, 4)]
            assert_same(run(*args), biased(*args))
    (region,) = found[0].regions
    assert "empty_strided" in region.file
    assert ORDERED.name() not in region.file
