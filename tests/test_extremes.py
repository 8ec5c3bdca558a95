"""The tiny domain of ``analysis/extremes.py`` is sound: numbers are what torch says, *finite* is finite whatever the operands are."""

from __future__ import annotations

from collections.abc import Callable
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
def test_sums_and_products(name: str, torch_s: Callable[[torch.Tensor], torch.Tensor]) -> None:
    for args in product(FLOATS, repeat=3):
        found = apply(name, args)
        for numbers in product(*(values(a, False) for a in args)) if found is not None else ():
            actual = float(torch_s(torch.tensor(numbers, dtype=torch.float64)))
            assert isfinite(actual) if found is FINITE else same(actual, found), (name, numbers, found)


def test_reductions() -> None:
    for kind, f in {"sum": torch.sum, "prod": torch.prod, "max": torch.amax, "min": torch.amin}.items():
        for x in FLOATS:
            found = reduce(kind, x)
            for number in values(x, False) if found is not None else ():
                actual = float(f(torch.full((3,), number, dtype=torch.float64), dim=0))
                assert isfinite(actual) if found is FINITE else same(actual, found), (kind, number, found)


PRECISE: list[tuple[str, tuple[Value, ...], Value]] = [
    ("mul", (0.0, FINITE), 0.0), ("mul", (2.0, -3.0), -6.0), ("mul", (inf, 0.0), nan), ("mul", (2.0, FINITE), FINITE),
    ("mul", (inf, FINITE), None), ("mul", (0.0, None), None), ("add", (-inf, FINITE), -inf), ("add", (-inf, inf), nan),
    ("add", (1.0, FINITE), FINITE), ("add", (-inf, None), None), ("sub", (-inf, -inf), nan), ("sub", (FINITE, inf), -inf),
    ("max", (-inf, FINITE), FINITE), ("max", (-inf, 0.0), 0.0), ("min", (inf, -inf), -inf), ("exp", (-inf,), 0.0), ("exp", (inf,), inf),
    ("exp", (FINITE,), FINITE), ("log", (0.0,), -inf), ("log", (FINITE,), None), ("log", (-2.0,), nan), ("div", (0.0, 0.0), nan),
    ("div", (1.0, 0.0), inf), ("div", (FINITE, 2.0), None), ("eq", (-inf, FINITE), 0.0), ("ne", (-inf, FINITE), 1.0),
    ("eq", (FINITE, FINITE), None), ("eq", (-inf, None), None), ("isnan", (FINITE,), 0.0), ("isnan", (nan,), 1.0), ("isinf", (nan,), 0.0),
    ("select", (1.0, nan, FINITE), nan), ("select", (0.0, nan, FINITE), FINITE), ("select", (None, nan, nan), nan),
    ("select", (None, 0.0, nan), None), ("and", (0.0, None), 0.0), ("and", (1.0, 1.0), 1.0), ("and", (1.0, None), None),
    ("or", (1.0, None), 1.0), ("or", (0.0, 0.0), 0.0), ("lt", (nan, 1.0), 0.0), ("ge", (1.0, 1.0), 1.0), ("gt", (1.0, 1.0), 0.0),
    ("pow", (nan, FINITE), None), ("tanh", (nan,), nan), ("tanh", (FINITE,), FINITE), ("tanh", (-inf,), None), ("tanh", (None,), None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "expected"), PRECISE, ids=str)
def test_it_knows(name: str, args: tuple[Value, ...], expected: Value) -> None:
    found = apply(name, args)
    assert found is expected if not isinstance(expected, float) else same(found, expected)


def test_it_knows_of_reductions() -> None:
    for x in (0.0, nan, inf, -inf, FINITE):
        assert reduce("sum", x) is x or same(reduce("sum", x), x)
    for kind, x in (("sum", 1.0), ("sum", None), ("prod", 0.0), ("max", None)):
        assert reduce(kind, x) is None
    assert reduce("max", -inf) == -inf
