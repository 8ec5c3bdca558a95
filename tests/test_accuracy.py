"""Claim 1 in Triton's interpreter: errors against float64 beside eager's, over kinds of data; ``benchmarks/accuracy.py`` does it on a GPU."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest
import torch
from programs import programs

import flashlight_mlir

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from accuracy import KINDS, bounds, data, exact, listed

NAMES = ("layer_norm", "layer_norm_matmul", "logsumexp", "lse_entropy", "row_softmax", "softcap")
CONTRACTED = ("layer_norm_matmul", "lse_entropy")
"""In f32 the row of the one huge value decides their error, and how its dot products are summed: by NumPy here, by BLAS in eager."""
PROGRAMS = {p.name: p for p in programs() if p.name in NAMES}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=["f16", "f32"])
@pytest.mark.parametrize("length", [17, 100])
@pytest.mark.parametrize("name", NAMES)
def test_no_worse_than_eager(name: str, length: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    program = PROGRAMS[name]
    rows = {"rows": 64} if "rows" in inspect.signature(program.inputs).parameters else {}
    base = program.inputs(dtype=dtype, length=length, **rows)
    compiled = flashlight_mlir.compile(program.function, *base)
    for kind in KINDS:
        if kind == "huge" and dtype == torch.float32 and name in CONTRACTED:
            continue
        args = data(kind, base)
        results = (listed(x) for x in (compiled(*args), program.function(*args), exact(program.function, args)))
        for k, (ours, eager, reference) in enumerate(zip(*results, strict=True)):
            assert bounds(ours, eager, reference.double()) is None, (kind, k)


def test_equal_values_have_no_variance() -> None:
    program = next(p for p in programs() if p.name == "variance")
    for value in (0.5, 1e4):
        x = torch.full((5, 100), value)
        assert (flashlight_mlir.compile(program.function, x)(x) == 0).all()
