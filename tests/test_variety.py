"""The programs of ``variety.py``: kernels, what is stored between them, and every stage against eager float64."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from test_compile import assert_near
from torch.utils._python_dispatch import TorchDispatchMode
from variety import CASES, Case, scores

import flashlight_mlir

FLOATS = (torch.float16, torch.float32)

REASONS = {
    "point_distances": "a sum of squared differences is no contraction: its expansion cancels where they are close",
    "mixed_heads": "no law takes what is known only after the loop out of 'contract'",
    "column_sums": "a reduction is stored: it runs over a dim of the result at each step of another reduction",
    "relative_shift": "a producer is stored: fused it is computed",
    "gram_matrix": "a plain contraction over S is stored: its result is not streamed",
}
"""What is refused, or stored, and why."""


class Wide(TorchDispatchMode):
    """Every float is float64, as in our evaluators: casts to a narrower one are the identity."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if kwargs.get("dtype") in FLOATS:
            kwargs["dtype"] = torch.float64
        return func(*(torch.float64 if isinstance(a, torch.dtype) and a in FLOATS else a for a in args), **kwargs)


def exact(case: Case, inputs: tuple[torch.Tensor, ...]) -> Any:
    with Wide():
        return case.function(*(x.double() if x.is_floating_point() else x for x in inputs))


@pytest.mark.parametrize("name", CASES)
def test_program(name: str) -> None:
    case = CASES[name]
    size = torch.export.Dim("S", min=1)
    torch.manual_seed(0)
    inputs = case.inputs(21)
    axes = [case.axes.get(k, ()) for k in range(len(inputs))]
    shapes = tuple({a: size for a in ((x,) if isinstance(x, int) else x)} or None for x in axes)
    p = flashlight_mlir.compile(case.function, *inputs, target="sm_90", dynamic_shapes=shapes)
    assert not [r for r in p.remarks if r.rule == "compile"]
    assert any(REASONS.get(name, "") in r.text for r in p.remarks) or name not in REASONS
    assert "loop.kernel" not in p.ir["lower"]
    assert len(p.kernels) == case.kernels
    assert tuple(str(i).partition(" by")[0] for i in p.intermediates) == case.stored
    assert tuple(re.findall(r'tensor_ext.call "aten\.(\w+)', p.ir["lower"])) == case.calls
    x = case.inputs(17)
    reference = exact(case, x)
    for stage in ("import", "fuse", "tile"):
        assert_near(p.evaluate(*x, stage=stage), reference, 1e-9)
    assert_near(p.evaluate(*x, stage="lower"), reference, 8e-3 if any(t.dtype == torch.float16 for t in x) else 1e-5)


def test_a_short_part_of_a_concatenation_needs_no_loop_of_its_own() -> None:
    def sinks(q, k, v, sink):
        s = scores(q, k)
        p = torch.softmax(torch.cat([s, sink[:, None, None].expand(-1, s.shape[1], 1)], -1), -1)
        return p[..., :-1] @ v

    torch.manual_seed(0)
    x = (*(torch.randn(4, n, 32) for n in (17, 40, 40)), torch.randn(4))
    p = flashlight_mlir.compile(sinks, *x, target="sm_90")
    assert len(p.kernels) == 1
    assert p.ir["fuse"].count("loop.fold") == 1
    for stage in ("fuse", "tile"):
        assert_near(p.evaluate(*x, stage=stage), sinks(*(t.double() for t in x)), 1e-9)
    assert_near(p(*x), sinks(*x), 1e-5)


def test_what_sorts_is_right_though_not_fused() -> None:
    def eight_largest(q, k, v):
        s = scores(q, k)
        return torch.softmax(s.masked_fill(s < s.topk(8, -1).values[..., -1:], -torch.inf), -1) @ v

    torch.manual_seed(0)
    x = torch.randn(2, 3, 40, 32), torch.randn(2, 3, 50, 32), torch.randn(2, 3, 50, 24)
    p = flashlight_mlir.compile(eight_largest, *x, target="sm_90")
    assert len(p.kernels) == 1
    assert any("stored once for torch and for the kernel" in r.text for r in p.remarks)
    assert_near(p(*x), eight_largest(*x), 1e-5)
