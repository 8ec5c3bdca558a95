"""The tiny domain of ``analysis/extremes.py`` is sound: numbers are what torch says, *finite* is finite whatever the operands are."""

from __future__ import annotations

from itertools import product
from math import inf, isfinite, nan

import pytest
import torch

from flashlight_mlir.analysis.extremes import FINITE, Value, apply, reduce, same
from flashlight_mlir.dialects.pointwise import ROWS
from flashlight_mlir.interpreters.pointwise import TABLE

FLOATS: tuple[Value, ...] = (nan, inf, -inf, 0.0, 1.0, -2.0, FINITE, None)
BOOLS: tuple[Value, ...] = (0.0, 1.0, None)
SAMPLES = {FINITE: (0.0, 0.5, -3.0), None: (nan, inf, -inf, 0.0, -1.5)}
LOGIC = ("and", "or", "not", "xor")
INTEGERS = ("shl", "shr", "cast", "floordiv", "mod")


def values(v: Value, is_bool: bool) -> tuple[float, ...]:
    return (v,) if isinstance(v, float) else (0.0, 1.0) if is_bool else SAMPLES[v]


@pytest.mark.parametrize("name", [n for n in ROWS if n not in INTEGERS])
def test_scalar_functions(name: str) -> None:
    bools = [name in LOGIC or (name == "select" and k == 0) for k in range(ROWS[name].arity)]
    for args in product(*(BOOLS if b else FLOATS for b in bools)):
        found = apply(name, args)
        if found is None:
            continue
        for numbers in product(*map(values, args, bools)):
            tensors = [torch.tensor(x).to(torch.bool if b else torch.float64) for x, b in zip(numbers, bools, strict=True)]
            actual = float(TABLE[name](*tensors))
            assert isfinite(actual) if found is FINITE else same(actual, found), (name, numbers, found)


@pytest.mark.parametrize(("name", "torch_s"), [("sum", torch.sum), ("product", torch.prod)])
def test_sums_and_products(name: str, torch_s: object) -> None:
    for args in product(FLOATS, repeat=3):
        found = apply(name, args)
        for numbers in product(*(values(a, False) for a in args)) if found is not None else ():
            actual = float(torch_s(torch.tensor(numbers, dtype=torch.float64)))  # type: ignore[operator]
            assert isfinite(actual) if found is FINITE else same(actual, found), (name, numbers, found)


def test_reductions() -> None:
    for kind, f in {"sum": torch.sum, "prod": torch.prod, "max": torch.amax, "min": torch.amin}.items():
        for x in FLOATS:
            found = reduce(kind, x)
            for number in values(x, False) if found is not None else ():
                actual = float(f(torch.full((3,), number, dtype=torch.float64), dim=0))
                assert isfinite(actual) if found is FINITE else same(actual, found), (kind, number, found)
