"""Values of a step that a mask excludes, as far as they are known: numbers, parts of the state, and how far below them a score is.

A score hidden by a finite number is ``Under`` a limit; relative to a running maximum it is ``Behind``, and its exponential is
exactly 0 where the maximum is large enough. ``needs`` gathers how large each maximum has to be.

>>> needs: Needs = {}
>>> score = apply("add", [Unknown(100.0), -1e4], needs)  # hidden by adding -10,000
>>> apply("exp", [apply("sub", [score, State(0)], needs)], needs), round(needs[0])
(0.0, -9795)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from flashlight_mlir.dialects.pointwise import ROWS


@dataclass(frozen=True)
class State:
    """Part ``number`` of the state, as it came in, times a finite ``factor``; finite."""

    number: int
    factor: float = 1.0


@dataclass(frozen=True)
class Unknown:
    """Some finite number (law D8: a factor that a mask excludes is finite, documented), at most ``size`` from 0."""

    size: float = math.inf


@dataclass(frozen=True)
class Under:
    """Some number up to ``limit``, or -∞."""

    limit: float


@dataclass(frozen=True)
class Behind:
    """``factor`` times what is ``Under(limit)``, less part ``number`` of the state."""

    limit: float
    number: int
    factor: float


UNKNOWN = Unknown()
Value = float | State | Unknown | Under | Behind
Needs = dict[int, float]
"""Part of the state -> how large it has to be."""

MASK = -1e3
"""Numbers up to this one are masks: rows of real scores have larger maxima."""
HUGE = -1e30
"""What is added to a mask up to this one is taken to be at most half its size (documented in law D8)."""
UNDERFLOW = {"exp": (104.0, 746.0), "exp2": (151.0, 1076.0)}
"""An exponential of less than the negative is 0, in f32 and in f64."""
SLACK = 2.0**-20
"""Of a sum of large numbers, for the rounding of what it is made of."""


def apply(name: str, args: list[Value], needs: Needs, wide: bool = False) -> Value:
    """One scalar function over the domain; UNKNOWN wherever nothing is known. ``wide``: in f64."""
    found = _known(name, args, needs, wide)
    return _sized(name, args) if found is UNKNOWN else found


def _known(name: str, args: list[Value], needs: Needs, wide: bool) -> Value:
    a, b = args[0], args[1] if len(args) > 1 else UNKNOWN
    match name:
        case "cast":
            return a
        case "select":
            return _either(args[1], args[2]) if not isinstance(a, float) else (args[1] if a else args[2])
        case "eq" if isinstance(a, float) and isinstance(b, float):
            return float(a == b)
        case "eq" | "ne" if {type(a), type(b)} == {float, State} and math.inf in (abs(x) for x in (a, b) if isinstance(x, float)):
            return float(name == "ne")  # a finite value is no infinity
        case "lt" | "le" | "gt" | "ge":
            return _compared(name, a, b)
        case "not" if isinstance(a, float):
            return 1.0 - a
        case "and":
            return 0.0 if 0.0 in args else UNKNOWN
        case "or":
            return 1.0 if 1.0 in args else (a if b == 0.0 else b if a == 0.0 else UNKNOWN)
        case "max":
            return _larger(a, b, needs)
        case "add":
            return _sum(a, b)
        case "sub":
            return 0.0 if isinstance(a, State) and a == b else _difference(a, b)
        case "mul":
            return _product(a, b)
        case "div" if isinstance(b, float) and isinstance(a, Under | Behind) and b > 0:
            return _product(a, 1 / b)
        case "div":
            return 0.0 if a == 0.0 and b != 0.0 else UNKNOWN
        case "exp" | "exp2":
            return _power(a, UNDERFLOW[name][wide], needs)
        case _:
            return UNKNOWN


def mask_limit(v: Value) -> float | None:
    """What ``v`` is under, if it is what hides a score or a score so hidden."""
    if isinstance(v, Under):
        return v.limit
    return v if isinstance(v, float) and -math.inf < v <= MASK else None


def _size(v: Value) -> float:
    return v.size if isinstance(v, Unknown) else abs(v) if isinstance(v, float) else math.inf


def _sized(name: str, args: list[Value]) -> Value:
    """What is known of the size alone."""
    sizes = [_size(v) for v in args]
    match name:
        case "cast" | "neg" | "abs":
            size = sizes[0]
        case "add" | "sub":
            size = sum(sizes)
        case "mul":
            size = sizes[0] * sizes[1] if math.inf not in sizes else math.inf
        case "max" | "min" | "select":
            size = max(sizes[-2:])
        case _:
            size = max(map(abs, ROWS[name].range)) if name in ROWS else math.inf
    return Unknown(size) if size < math.inf else UNKNOWN


def _compared(name: str, a: Value, b: Value) -> Value:
    """What models ask of a mask: is it below -1?"""
    if name in ("gt", "ge"):
        name, a, b = {"gt": "lt", "ge": "le"}[name], b, a
    if isinstance(a, float) and isinstance(b, float):
        return float(a < b if name == "lt" else a <= b)
    if isinstance(a, Under) and isinstance(b, float) and a.limit < b:
        return 1.0
    return 0.0 if isinstance(b, Under) and isinstance(a, float) and b.limit < a else UNKNOWN


def _either(a: Value, b: Value) -> Value:
    u, v = mask_limit(a), mask_limit(b)
    return UNKNOWN if u is None or v is None else Under(max(u, v))


def _larger(a: Value, b: Value, needs: Needs) -> Value:
    if -math.inf in (a, b) or a == b:
        return b if a == -math.inf else a
    for x, other in ((a, b), (b, a)):
        limit = mask_limit(other)
        if isinstance(x, State) and limit is not None and x.factor > 0:
            _need(needs, x.number, limit / x.factor)
            return x
    return _either(a, b)


def _sum(a: Value, b: Value) -> Value:
    if isinstance(a, float) and isinstance(b, float):
        return a + b
    for x, other in ((a, b), (b, a)):
        if isinstance(x, float) and math.isinf(x):
            return UNKNOWN if isinstance(other, Under | Behind) else x
        if x == 0.0:
            return other
    for x, other in ((a, b), (b, a)):
        limit = mask_limit(x)
        if limit is None:
            continue
        above = mask_limit(other)
        if above is None:
            size = _size(other) if isinstance(other, Unknown | float) else math.inf
            above = size if size < math.inf or limit > HUGE or not isinstance(other, Unknown) else -limit / 2
        total = limit + above + SLACK * (abs(limit) + abs(above))
        return Under(total) if total <= MASK else UNKNOWN
    return UNKNOWN


def _difference(a: Value, b: Value) -> Value:
    if isinstance(b, float):
        return _sum(a, -b)
    limit = mask_limit(a)
    if isinstance(b, State) and limit is not None and b.factor > 0:
        return Behind(limit / b.factor, b.number, b.factor)
    if isinstance(a, float) and math.isinf(a) and not isinstance(b, Under | Behind):
        return a
    return _sum(a, b) if isinstance(b, Unknown) and a != 0.0 else UNKNOWN


def _product(a: Value, b: Value) -> Value:
    if isinstance(a, float) and isinstance(b, float):
        return 0.0 if 0.0 in (a, b) else a * b
    for x, other in ((a, b), (b, a)):
        if x == 0.0:
            return UNKNOWN if isinstance(other, Under | Behind) else 0.0
        if x == 1.0:
            return other
        if isinstance(x, float) and math.isfinite(x):
            if isinstance(other, State):
                return State(other.number, other.factor * x)
            if isinstance(other, Under) and x > 0:
                return Under(other.limit * x) if other.limit * x <= MASK else UNKNOWN
            if isinstance(other, Behind) and x > 0:
                return Behind(other.limit, other.number, other.factor * x)
    return UNKNOWN


def _power(a: Value, underflow: float, needs: Needs) -> Value:
    if isinstance(a, Behind):
        _need(needs, a.number, a.limit + underflow / a.factor)
        return 0.0
    if isinstance(a, Under) and a.limit < -underflow:
        return 0.0
    return {-math.inf: 0.0, 0.0: 1.0}.get(a, UNKNOWN) if isinstance(a, float) else UNKNOWN


def _need(needs: Needs, number: int, least: float) -> None:
    least += 1 + 4 * SLACK * abs(least)
    needs[number] = max(least, needs.get(number, -math.inf))
