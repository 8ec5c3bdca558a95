"""Facts about terms that side conditions of laws ask for: signs, and where an op is monotone (sound, not complete)."""

from __future__ import annotations

from math import inf, isinf
from typing import Any

from flashlight_mlir.analysis.extremes import POLES
from flashlight_mlir.analysis.terms import Term
from flashlight_mlir.dialects.loop import IndexOp
from flashlight_mlir.dialects.pointwise import ROWS


def bounds(t: Term) -> tuple[float, float]:
    """An interval that holds every value of the term (NaN apart)."""
    match t.op:
        case "number":
            return t.value or 0.0, t.value or 0.0
        case "power" if isinstance(t.data, int) and t.data % 2 == 0:
            return 0, inf
        case "power":
            return (0, inf) if nonnegative(t.args[0]) else (-inf, inf)
        case "mul" if t.args[0] is t.args[1]:
            return 0, inf
        case "mul" | "product" | "div":
            return (0, inf) if all(map(nonnegative, t.args)) else (-inf, inf)
        case "sum" | "add":
            return sum(bounds(a)[0] for a in t.args), sum(bounds(a)[1] for a in t.args)
        case "reduce" if t.data[0] in ("max", "min"):  # pyright: ignore[reportIndexIssue]: an earlier guard narrows it by mistake
            return bounds(t.args[0])
        case "reduce" | "contract":
            return (0, inf) if all(map(nonnegative, t.args)) else (-inf, inf)
        case "max":
            (a, b), (c, d) = map(bounds, t.args)
            return max(a, c), max(b, d)
        case "min":
            (a, b), (c, d) = map(bounds, t.args)
            return min(a, c), min(b, d)
        case "select":
            (a, b), (c, d) = map(bounds, t.args[1:])
            return min(a, c), max(b, d)
        case _ if is_bool(t):
            return 0, 1
        case "cast" | "recip" | "rsqrt":
            lo, hi = bounds(t.args[0])
            if t.op == "cast" and (lo, hi) == (0, 1):
                return 0, 1
            return (0, inf) if lo >= 0 else (-inf, inf)
        case _:
            return ROWS[t.op].range if t.op in ROWS else (-inf, inf)


def is_bool(t: Term) -> bool:
    return t.op in ROWS and (ROWS[t.op].rule == "bool" or (t.op in ("not", "and", "or", "xor") and all(map(is_bool, t.args))))


def nonnegative(t: Term) -> bool:
    return bounds(t)[0] >= 0


def positive(t: Term) -> bool:
    """Positive, where it isn't an exponential that underflows or a sum over nothing (then both sides are infinite)."""
    match t.op:
        case "exp" | "exp2":
            return True
        case "mul" | "product" | "div" | "recip" | "rsqrt" | "sqrt":
            return all(map(positive, t.args))
        case "power":
            return positive(t.args[0])
        case "reduce" | "contract":
            return all(map(positive, t.args))
        case "sum" | "add":
            return all(map(nonnegative, t.args)) and any(map(positive, t.args))
        case "cast" if t.args[0].op == "ge" and t.args[0].args[1].value == 0 and t.args[0].args[0].op == "leaf":
            return True
        case _:
            return bounds(t)[0] > 0


def direction(t: Term, k: int) -> int:
    """+1 if the term is nondecreasing in operand ``k`` whatever the others are, -1 nonincreasing, 0 unknown."""
    if t.op == "sum":
        return 1
    if t.op in ("mul", "product", "div"):
        others = [a for i, a in enumerate(t.args) if i != k]
        if t.op == "div" and k == 1:
            return 0
        negative = [a for a in others if not nonnegative(a)]
        if any(bounds(a)[1] > 0 for a in negative):
            return 0
        return -1 if len(negative) % 2 else 1
    if t.op == "power":
        return 1 if nonnegative(t.args[0]) and t.data > 0 else 0
    if t.op in ("sqrt", "log") and not nonnegative(t.args[k]):
        return 0
    column = ROWS[t.op].monotone if t.op in ROWS else ()
    return column[k] if k < len(column) else 0


def may_be_infinite(t: Term, inputs: bool = False) -> bool:
    """Some finite inputs make the term infinite, by a mask of -inf or a pole; ``inputs``: they may be masks that hold -inf."""
    match t.op:
        case "number":
            return isinf(t.value or 0)
        case "select":
            return any(may_be_infinite(a, inputs) for a in t.args[1:])
        case "div" if t.args[1].value:
            return may_be_infinite(t.args[0], inputs)
        case "contract":
            return False
        case "leaf":
            data: Any = t.data
            return inputs and (not isinstance(data, tuple) or IndexOp not in data)
        case _:
            return t.op in POLES or any(may_be_infinite(a, inputs) for a in t.args)
