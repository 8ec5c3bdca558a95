"""What ``idle`` concludes of one op holds for every value that its operands stand for, and it concludes what masks need."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch

from flashlight_mlir.analysis.masked import UNKNOWN, Behind, Needs, State, Under, Unknown, Value, apply
from flashlight_mlir.interpreters.pointwise import TABLE

S, T = State(0), State(0, 0.5)
U, C, SMALL = Under(-2e3), Behind(-3e3, 0, 2.0), Unknown(2.0)
DOMAIN: list[Value] = [0.0, 1.0, -1.0, 2.0, -math.inf, math.inf, S, T, State(1), UNKNOWN, U, C, SMALL, -5e3, -1e31]
NAMES = (
    "select",
    "eq",
    "ne",
    "not",
    "and",
    "or",
    "lt",
    "le",
    "gt",
    "ge",
    "max",
    "min",
    "add",
    "sub",
    "mul",
    "div",
    "exp",
    "exp2",
    "cast",
    "tanh",
)
BOOLEAN = ("not", "and", "or")


def concrete(v: Value, state: tuple[float, float], rng: random.Random) -> float:
    """A number that an abstract value stands for."""
    match v:
        case State():
            return v.factor * state[v.number]
        case Under():
            return rng.choice([v.limit, 3 * v.limit, -math.inf])
        case Behind():
            return v.factor * (rng.choice([v.limit, 3 * v.limit, -math.inf]) - state[v.number])
        case Unknown():
            return rng.choice([rng.uniform(-3, 3), 0.0, 1.0]) if v is UNKNOWN else rng.choice([rng.uniform(-2, 2), v.size, -v.size])
        case _:
            return v


def fits(number: float, v: Value, state: tuple[float, float]) -> bool:
    """``v`` may stand for ``number``."""
    match v:
        case Under():
            return number <= v.limit
        case Behind():
            return number <= v.factor * (v.limit - state[v.number]) + 1e-6
        case Unknown():
            return abs(number) <= v.size
        case _:
            return number == pytest.approx(concrete(v, state, random.Random(0)))


@pytest.mark.parametrize("name", NAMES)
def test_sound(name: str) -> None:
    """Wherever the parts of the state are as large as is needed."""
    rng = random.Random(0)
    arity = {"select": 3, "not": 1, "exp": 1, "exp2": 1, "cast": 1, "tanh": 1}.get(name, 2)
    domain = [0.0, 1.0, UNKNOWN] if name in BOOLEAN else DOMAIN
    for args in itertools.product(domain, repeat=arity):
        if name == "select" and args[0] not in (0.0, 1.0, UNKNOWN):
            continue
        needs: Needs = {}
        found = apply(name, list(args), needs)
        if found is UNKNOWN:
            continue
        for _ in range(6):
            least = [needs.get(k, -math.inf) for k in range(2)]
            state = max(least[0], rng.choice([-2900.0, rng.uniform(0.1, 3)])), max(least[1], rng.uniform(-3, -0.1))
            values = [torch.tensor(concrete(v, state, rng), dtype=torch.float64) for v in args]
            if name in BOOLEAN or name == "select":
                values[: 1 if name == "select" else None] = [v >= 0.5 for v in values[: 1 if name == "select" else None]]
            expected = values[0] if name == "cast" else TABLE[name](*values)
            if not expected.double().isnan():  # of infinities, which no mask makes of finite scores
                assert fits(float(expected), found, state), (name, args, found, state)


CONCLUDES: list[tuple[str, list[Value], Value]] = [
    ("add", [S, 0.0], S), ("add", [0.0, T], T), ("sub", [S, 0.0], S), ("sub", [0.0, S], UNKNOWN), ("sub", [S, S], 0.0), ("sub", [S, T], UNKNOWN),
    ("add", [UNKNOWN, -math.inf], -math.inf), ("sub", [-math.inf, UNKNOWN], -math.inf), ("sub", [UNKNOWN, -math.inf], math.inf),
    ("add", [2.0, 1.0], 3.0), ("sub", [2.0, 1.0], 1.0), ("add", [S, 1.0], UNKNOWN), ("add", [UNKNOWN, UNKNOWN], UNKNOWN),
    ("mul", [UNKNOWN, 0.0], 0.0), ("mul", [S, 1.0], S), ("mul", [1.0, UNKNOWN], UNKNOWN), ("mul", [0.5, S], T), ("mul", [2.0, T], S),
    ("mul", [2.0, 2.0], 4.0), ("mul", [S, math.inf], UNKNOWN), ("mul", [S, S], UNKNOWN), ("mul", [UNKNOWN, 2.0], UNKNOWN), ("mul", [0.0, 2.0], 0.0),
    ("div", [0.0, S], 0.0), ("div", [0.0, 0.0], UNKNOWN), ("div", [S, 0.0], UNKNOWN), ("div", [S, S], UNKNOWN),
    ("max", [S, -math.inf], S), ("max", [-math.inf, S], S), ("max", [S, S], S), ("max", [S, UNKNOWN], UNKNOWN), ("max", [S, 0.0], UNKNOWN),
    ("eq", [S, -math.inf], 0.0), ("ne", [S, -math.inf], 1.0), ("eq", [math.inf, S], 0.0), ("eq", [S, 0.0], UNKNOWN), ("eq", [1.0, 1.0], 1.0),
    ("eq", [1.0, 2.0], 0.0), ("eq", [S, UNKNOWN], UNKNOWN), ("eq", [S, S], UNKNOWN), ("eq", [UNKNOWN, math.inf], UNKNOWN), ("eq", [1.0, UNKNOWN], UNKNOWN),
    ("and", [UNKNOWN, 0.0], 0.0), ("and", [1.0, 1.0], UNKNOWN), ("or", [UNKNOWN, 1.0], 1.0), ("or", [0.0, 0.0], 0.0), ("or", [UNKNOWN, 0.0], UNKNOWN),
    ("not", [1.0], 0.0), ("not", [UNKNOWN], UNKNOWN), ("select", [1.0, S, T], S), ("select", [0.0, S, T], T), ("select", [UNKNOWN, S, S], UNKNOWN),
    ("exp", [-math.inf], 0.0), ("exp2", [0.0], 1.0), ("exp", [S], UNKNOWN), ("exp", [1.0], UNKNOWN), ("cast", [S], S), ("tanh", [S], UNKNOWN),
    ("add", [SMALL, -5e3], Under(-4998.0)), ("add", [UNKNOWN, -5e3], UNKNOWN), ("sub", [-5e3, S], Behind(-5e3, 0, 1.0)),
    ("mul", [U, 2.0], Under(-4e3)), ("mul", [U, -1.0], UNKNOWN), ("mul", [C, 2.0], Behind(-3e3, 0, 4.0)), ("mul", [U, 0.0], UNKNOWN),
    ("max", [S, U], S), ("max", [U, -5e3], U), ("exp", [C], 0.0), ("exp2", [C], 0.0), ("exp", [U], 0.0), ("sub", [S, U], UNKNOWN),
    ("lt", [U, -1.0], 1.0), ("ge", [U, -1.0], 0.0), ("gt", [-5e3, -1.0], 0.0), ("le", [U, -2e3], UNKNOWN), ("lt", [UNKNOWN, -1.0], UNKNOWN),
    ("select", [UNKNOWN, U, -5e3], U), ("select", [UNKNOWN, U, S], UNKNOWN), ("tanh", [SMALL], Unknown(1.0)), ("add", [C, 1.0], UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "expected"), CONCLUDES, ids=str)
def test_concludes(name: str, args: list[Value], expected: Value) -> None:
    found = apply(name, args, {})
    if isinstance(expected, Under) and isinstance(found, Under):  # up to slack for rounding
        assert expected.limit <= found.limit <= expected.limit + 0.1
    else:
        assert found == expected or (expected is UNKNOWN and isinstance(found, Unknown))


def test_needs() -> None:
    """``exp(2 · (x - m))`` of x up to -3,000 is 0 in f32 from m = -2,948 on; a larger need wins."""
    needs: Needs = {}
    apply("exp", [C], needs)
    assert -2948 < needs[0] < -2946
    apply("exp", [C], needs, wide=True)
    assert -2627 < needs[0] < -2625
    apply("max", [T, U], needs)
    assert -2627 < needs[0] < -2625
