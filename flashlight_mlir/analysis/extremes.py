"""A tiny domain: numbers (a bool is 0 or 1), *finite*, and None, which is anything; and what each op makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from math import exp, inf, isfinite, isinf, isnan, log, nan

from flashlight_mlir.dialects.pointwise import ROWS


class Some(Enum):
    FINITE = "finite"


FINITE = Some.FINITE
Value = float | Some | None

UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda x: -x, "abs": abs, "exp": lambda x: exp(x) if x < 700 else inf, "exp2": lambda x: 2.0**x if x < 1000 else inf,
    "log": lambda x: log(x) if x > 0 else nan if x else -inf, "log2": lambda x: log(x, 2) if x > 0 else nan if x else -inf,
    "recip": lambda x: 1 / x if x else inf, "cast": lambda x: x, "not": lambda x: 1 - x,
}  # fmt: skip
BINARY: dict[str, Callable[[float, float], float]] = {
    "div": lambda x, y: x / y if y else x * inf, "max": max, "min": min,
    "lt": lambda x, y: x < y, "le": lambda x, y: x <= y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y,
}  # fmt: skip
"""What is computed of numbers, NaN apart; of what is missing nothing is known."""
POLES = ("log", "log2", "log1p", "sqrt", "div", "recip", "rsqrt", "power", "pow", "mod", "floordiv")
"""Ops that can be infinite, or NaN, for finite operands."""


def apply(op: str, args: Sequence[Value]) -> Value:
    """A scalar function, or a sum or product of any number of operands."""
    numbers = [x for x in args if isinstance(x, float)]
    unknown = len(numbers) < len(args)
    match op, *args:
        case "select", c, x, y:
            return (x if c else y) if isinstance(c, float) else x if same(x, y) else None
        case "isnan" | "isinf", x:
            return None if x is None else float(isinstance(x, float) and (isnan if op == "isnan" else isinf)(x))
        case "eq" | "ne", x, y:
            known = not unknown or (None not in args and any(map(isinf, numbers)))
            return float((x == y) == (op == "eq")) if known else None
        case "and" | "or", x, y:
            decisive = float(op == "or")
            return decisive if decisive in numbers else None if unknown else 1 - decisive
        case "lt" | "le" | "gt" | "ge", *_ if any(map(isnan, numbers)):
            return 0.0
        case _:
            pass
    if any(map(isnan, numbers)):
        return None if op in ("pow", "sign") else nan
    match op, *args:
        case "sum" | "add", *_:
            return _sum(args)
        case "sub", x, y:
            return _sum([x, -y if isinstance(y, float) else y])
        case "product" | "mul", *_:
            return _product(args)
        case "max" | "min", *_ if (identity := -inf if op == "max" else inf) in numbers:
            return next((x for x in args if x != identity), identity)
        case _, float(x) if op in UNARY:
            return UNARY[op](x)
        case _, float(x), float(y) if op in BINARY:
            return float(BINARY[op](x, y))
        case _:
            pass
    finite = op in ROWS and op not in POLES and None not in args and all(map(isfinite, numbers))
    return FINITE if finite else None


def same(a: Value, b: Value) -> bool:
    """Both are known, and the same."""
    return a is not None and (a == b or (isinstance(a, float) and isinstance(b, float) and isnan(a) and isnan(b)))


def _sum(args: Sequence[Value]) -> Value:
    if None in args:
        return None
    numbers = [x for x in args if isinstance(x, float)]
    total = sum(numbers)  # NaN for both infinities
    return total if len(numbers) == len(args) or not isfinite(total) else FINITE


def _product(args: Sequence[Value]) -> Value:
    if None in args:
        return None
    numbers = [x for x in args if isinstance(x, float)]
    total = 1.0
    for x in numbers:
        total *= x
    known = len(numbers) == len(args) or total == 0 or isnan(total)
    return total if known else FINITE if isfinite(total) else None


def reduce(kind: str, x: Value) -> Value:
    """A reduction of the same value everywhere, over some points."""
    if kind == "sum":
        return x if x is FINITE or (isinstance(x, float) and not (isfinite(x) and x)) else None
    return None if kind == "prod" else x
