"""Facts that side conditions ask for: sound on random terms (sampled), and known where the laws need them (a table)."""

from __future__ import annotations

import random
from math import inf

import pytest
import torch
from xdsl.dialects.builtin import f32

from flashlight_mlir.analysis.facts import bounds, direction, may_be_infinite, nonnegative, positive
from flashlight_mlir.analysis.terms import Pool, Term
from flashlight_mlir.interpreters.pointwise import TABLE

POOL = Pool(("i", "j"))
X, Y = (POOL.make("leaf", (), name, "ij") for name in "xy")
ZERO, ONE, TWO = (POOL.num(v) for v in (0, 1, 2))


def op(name: str, *args: Term) -> Term:
    return POOL.make(name, args, f32 if name == "cast" else None)


SIGMOID, TANH, EXP, ABS = (op(name, X) for name in ("sigmoid", "tanh", "exp", "abs"))
MASK = op("gt", X, Y)
AT_MOST = op("min", Y, ZERO)

BOUNDS: list[tuple[Term, tuple[float, float]]] = [
    (X, (-inf, inf)), (TWO, (2, 2)), (ZERO, (0, 0)), (SIGMOID, (0, 1)), (TANH, (-1, 1)), (EXP, (0, inf)), (ABS, (0, inf)),
    (POOL.pow(X, 2), (0, inf)), (POOL.pow(X, 3), (-inf, inf)), (POOL.pow(X, 0.5), (-inf, inf)), (POOL.pow(SIGMOID, 3), (0, inf)),
    (op("mul", X, X), (0, inf)), (op("mul", X, Y), (-inf, inf)), (op("mul", EXP, ABS), (0, inf)), (op("div", EXP, X), (-inf, inf)),
    (op("div", EXP, SIGMOID), (0, inf)), (POOL.mul(EXP, SIGMOID), (0, inf)), (POOL.mul(EXP, X), (-inf, inf)),
    (POOL.add(SIGMOID, TANH), (-1, 2)), (op("add", SIGMOID, ONE), (1, 2)),
    (op("max", X, ONE), (1, inf)), (op("max", TANH, ZERO), (0, 1)), (op("min", X, ONE), (-inf, 1)), (op("min", TANH, ZERO), (-1, 0)),
    (op("select", MASK, SIGMOID, TWO), (0, 2)), (op("select", MASK, X, TANH), (-inf, inf)),
    (POOL.reduce("max", TANH, ("j",)), (-1, 1)), (POOL.reduce("min", TANH, ("j",)), (-1, 1)),
    (POOL.reduce("sum", TANH, ("j",)), (-inf, inf)), (POOL.reduce("sum", SIGMOID, ("j",)), (0, inf)),
    (MASK, (0, 1)), (op("not", MASK), (0, 1)), (op("and", MASK, op("not", MASK)), (0, 1)), (op("not", X), (-inf, inf)),
    (op("or", MASK, X), (-inf, inf)), (op("cast", MASK), (0, 1)), (op("cast", X), (-inf, inf)), (op("cast", EXP), (0, inf)),
    (op("recip", X), (-inf, inf)), (op("recip", SIGMOID), (0, inf)), (op("rsqrt", SIGMOID), (0, inf)), (op("recip", op("add", EXP, ONE)), (0, inf)),
]  # fmt: skip
POSITIVE = [EXP, op("exp2", X), op("mul", EXP, EXP), op("div", EXP, TWO), op("recip", EXP), op("sqrt", EXP), op("rsqrt", EXP), POOL.pow(EXP, -1),
            POOL.mul(EXP, op("exp", Y)), POOL.reduce("sum", EXP, ("j",)), POOL.add(ABS, EXP), op("add", ABS, ONE), POOL.one(("j",)), TWO]  # fmt: skip
NOT_POSITIVE = [X, ABS, SIGMOID, ZERO, op("mul", EXP, X), op("mul", EXP, ABS), op("sqrt", X), POOL.pow(X, -1), POOL.reduce("sum", ABS, ("j",)),
                POOL.add(ABS, SIGMOID), POOL.add(EXP, X), op("cast", MASK), op("cast", op("ge", X, ONE)), op("cast", op("ge", ABS, ZERO)),
                op("cast", op("gt", X, ZERO)), op("tanh", EXP)]  # fmt: skip
DIRECTION: list[tuple[Term, int, int]] = [
    (POOL.add(X, Y), 0, 1), (op("mul", X, TWO), 0, 1), (op("mul", X, AT_MOST), 0, -1), (op("mul", X, Y), 0, 0), (op("mul", TWO, X), 1, 1),
    (op("div", X, TWO), 0, 1), (op("div", X, Y), 0, 0), (op("div", TWO, X), 1, 0), (op("mul", X, TANH), 0, 0),
    (POOL.make("product", (X, AT_MOST, op("min", X, ZERO))), 0, 1), (POOL.make("product", (X, AT_MOST, EXP)), 0, -1),
    (POOL.pow(X, 2), 0, 0), (POOL.pow(EXP, 2), 0, 1), (POOL.pow(EXP, -1), 0, 0), (op("sqrt", X), 0, 0), (op("sqrt", EXP), 0, 1),
    (op("log", X), 0, 0), (op("log", EXP), 0, 1), (op("sub", X, Y), 0, 1), (op("sub", X, Y), 1, -1), (op("neg", X), 0, -1),
    (op("exp", X), 0, 1), (op("sin", X), 0, 0), (op("max", X, Y), 1, 1), (op("select", MASK, X, Y), 0, 0), (op("select", MASK, X, Y), 2, 1),
    (op("recip", X), 0, 0), (op("abs", X), 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("t", "expected"), BOUNDS, ids=str)
def test_bounds(t: Term, expected: tuple[float, float]) -> None:
    assert bounds(t) == expected
    assert nonnegative(t) == (expected[0] >= 0)


def test_positive() -> None:
    assert [t for t in POSITIVE if not positive(t)] == []
    assert [t for t in NOT_POSITIVE if positive(t)] == []


@pytest.mark.parametrize(("t", "k", "expected"), DIRECTION, ids=str)
def test_direction(t: Term, k: int, expected: int) -> None:
    assert direction(t, k) == expected


def value(t: Term, env: dict[Term, torch.Tensor]) -> torch.Tensor:
    if t not in env:
        args = [value(a, env) for a in t.args]
        match t.op:
            case "number":
                env[t] = torch.tensor(t.value, dtype=torch.float64)
            case "sum":
                env[t] = torch.stack(torch.broadcast_tensors(*args)).sum(0)
            case "product":
                env[t] = torch.stack(torch.broadcast_tensors(*args)).prod(0)
            case "power":
                env[t] = args[0] ** t.data
            case "reduce":
                env[t] = getattr(torch, {"sum": "sum", "max": "amax", "min": "amin"}[t.data[0]])(args[0].expand(64))
            case "cast":
                env[t] = args[0].double()
            case _:
                env[t] = TABLE[t.op](*args)
    return env[t]


def random_term(rng: random.Random, depth: int) -> Term:
    if depth == 0:
        return rng.choice([X, Y, X, Y, TWO, POOL.num(-0.5)])
    a, b = (random_term(rng, depth - 1) for _ in range(2))
    name = rng.choice(
        [
            "exp",
            "abs",
            "tanh",
            "sigmoid",
            "neg",
            "recip",
            "rsqrt",
            "sqrt",
            "max",
            "min",
            "mul",
            "div",
            "sub",
            "add",
            "select",
            "sum",
            "pow",
            "reduce",
            "cast",
        ]
    )
    match name:
        case "sum":
            return POOL.add(a, b) if rng.random() < 0.5 else POOL.mul(a, b)
        case "pow":
            return POOL.pow(a, rng.choice([2, 3, -1, 0.5])) if a.value is None else a
        case "reduce":
            return POOL.reduce(rng.choice(["max", "min", "sum"]), a, ("j",)) if "j" in a.dims else a
        case "select":
            return op("select", op("gt", a, ZERO), a, b)
        case "cast":
            return op("cast", op("le", a, b))
        case "max" | "min" | "mul" | "div" | "sub" | "add":
            return op(name, a, b)
        case _:
            return op(name, a)


@pytest.mark.parametrize("seed", range(150))
def test_sound_on_samples(seed: int) -> None:
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    t = random_term(rng, 4)
    x, y = (torch.randn(64, generator=generator, dtype=torch.float64) for _ in range(2))
    found = value(t, {X: x, Y: y})
    found = found[~found.isnan()]
    low, high = bounds(t)
    assert (found >= low).all()
    assert (found <= high).all()
    if positive(t):
        assert (found >= 0).all()


MASKED = op("select", MASK, POOL.num(-inf), X)
INFINITE = [
    (X, False), (TWO, False), (MASKED, True), (op("select", op("isinf", MASKED), TWO, X), False), (op("add", MASKED, Y), True),
    (op("div", X, TWO), False), (op("div", MASKED, TWO), True), (op("div", X, Y), True), (op("log", EXP), True),
    (POOL.make("contract", (MASKED, Y), (("j",),)), False), (POOL.reduce("max", MASKED, ("j",)), True),
]  # fmt: skip


@pytest.mark.parametrize(("t", "expected"), INFINITE, ids=str)
def test_may_be_infinite(t: Term, expected: bool) -> None:
    assert may_be_infinite(t) == expected
    assert may_be_infinite(op("add", t, X), inputs=True)
