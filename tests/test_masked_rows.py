"""Rows that a mask excludes everywhere: NaN and infinities where eager has them, at every stage and in the kernel (claim 2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import flashlight_mlir

Function = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def hidden(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return s.masked_fill(mask, -torch.inf)


def entropy(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    log_p = torch.log_softmax(hidden(s, mask), -1)
    return -(log_p.exp() * log_p).sum(-1)


def weighted(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.softmax(hidden(s, mask), -1) @ s.transpose(-1, -2)


def by_hand(s: torch.Tensor, mask: torch.Tensor, least: float = -torch.inf) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores, their maximum (or ``least``), and their exponentials."""
    x = hidden(s, mask)
    m = x.amax(-1, keepdim=True).clamp(min=least)
    return x, m, (x - m).exp()


def log_sum_exp(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    _, m, e = by_hand(s, mask)
    return e.sum(-1).log() + m[:, 0]


def softmax(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    _, _, e = by_hand(s, mask)
    return e / e.sum(-1, keepdim=True) @ s.transpose(-1, -2)


def off_by_one(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    _, m, e = by_hand(s, mask)
    return e / (e.sum(-1, keepdim=True) + (-m).exp()) @ s.transpose(-1, -2)


def off_by_one_own_unit(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    _, m, e = by_hand(s, mask, least=0)
    return e / (e.sum(-1, keepdim=True) + (-m).exp()) @ s.transpose(-1, -2)


def sink(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    _, m, e = by_hand(s, mask)
    return e / (e.sum(-1, keepdim=True) + (s[:, :1] - m).exp()) @ s.transpose(-1, -2)


def guarded(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    lse = log_sum_exp(s, mask)
    return torch.where(mask.all(-1), -1.0, lse)


def guarded_by_data(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.where(s[:, 0] > 0, log_sum_exp(s, mask), 3.0)


def is_nothing(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.isnan(log_sum_exp(s, mask)) | (s[:, 0] > 9)


def difference(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.logsumexp(hidden(s, mask), -1) - torch.logsumexp(hidden(2 * s, mask), -1)


def over_rows(s: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return log_sum_exp(s[1:3], mask[1:3]).sum() + torch.stack([log_sum_exp(s, mask).amax(), s.sum()])


FUNCTIONS: dict[str, Function] = {
    "log-sum-exp": lambda s, mask: torch.logsumexp(hidden(s, mask), -1),
    "log-sum-exp of finite masks": lambda s, mask: torch.logsumexp(s.masked_fill(mask, torch.finfo(s.dtype).min), -1),
    "log-softmax": lambda s, mask: torch.log_softmax(hidden(s, mask), -1),
    "softmax, guarded": lambda s, mask: torch.nan_to_num(torch.softmax(hidden(s, mask), -1)),
    "largest": lambda s, mask: hidden(s, mask).amax(-1),
    "mean": lambda s, mask: s.masked_fill(mask, 0).sum(-1) / (~mask).sum(-1),
    "entropy": entropy,
    "weighted": weighted,
    "log-sum-exp by hand": log_sum_exp,
    "softmax by hand": softmax,
    "off by one": off_by_one,
    "off by one, own unit": off_by_one_own_unit,
    "sink": sink,
    "guarded by any": guarded,
    "guarded by data": guarded_by_data,
    "is nothing": is_nothing,
    "difference": difference,
    "over rows": over_rows,
}
FINITE = ("softmax, guarded", "log-sum-exp of finite masks", "off by one, own unit", "guarded by any", "is nothing")


CONTRACTED = ("weighted", "softmax by hand", "off by one", "off by one, own unit", "sink")
STREAMED = [(name, 200 if name in CONTRACTED else 5000) for name in FUNCTIONS]


@pytest.mark.parametrize(("name", "length"), [*STREAMED, ("log-sum-exp", 40), ("weighted", 40)])
def test_as_eager(name: str, length: int) -> None:
    torch.manual_seed(0)
    s, mask = torch.randn(5, length), torch.rand(5, length) > 0.7
    mask[0] = mask[3] = True  # everything is hidden; then nothing, and all but the last chunks
    mask[2] = False
    mask[4, : length - 3] = True
    mask[4, length - 3 :] = False
    expected = FUNCTIONS[name](s, mask)
    assert expected.dim() < 1 or not expected[[0, -2]].isfinite().all() or name in FINITE
    program = flashlight_mlir.compile(FUNCTIONS[name], s, mask)
    stages = {stage: program.evaluate(s, mask, stage=stage) for stage in ("fuse", "tile", "lower")}
    for stage, found in (stages | {"run": program(s, mask)}).items():
        (found,) = found if isinstance(found, list | tuple) else (found,)
        torch.testing.assert_close(
            found.float(), expected.float(), rtol=1e-4, atol=1e-5, equal_nan=True, msg=lambda m, s=stage: f"{s}: {m}"
        )


def test_it_is_streamed() -> None:
    s, mask = torch.randn(2, 5000), torch.zeros(2, 5000, dtype=torch.bool)
    program = flashlight_mlir.compile(FUNCTIONS["log-sum-exp"], s, mask)
    assert "loop.fold" in program.ir["fuse"]


def test_a_softmax_of_one() -> None:
    """The maximum of one score is itself: -inf - -inf is no zero, though the score is none that a law takes apart."""

    def alone(q: torch.Tensor, k: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        s = q @ k.mT
        s = s * (1 / (s.amax(-1, keepdim=True).abs() + 1))
        return torch.tanh(torch.softmax(s.masked_fill(mask, -torch.inf), 1)) @ k

    torch.manual_seed(0)
    q, k, mask = torch.randn(2, 1, 8), torch.randn(2, 40, 8), torch.zeros(2, 1, 40, dtype=torch.bool)
    mask[0, 0, 3] = True
    program = flashlight_mlir.compile(alone, q, k, mask)
    for stage in ("fuse", "tile", "lower"):
        torch.testing.assert_close(
            program.evaluate(q, k, mask, stage=stage).float(), alone(q, k, mask), rtol=1e-4, atol=1e-5, equal_nan=True
        )
