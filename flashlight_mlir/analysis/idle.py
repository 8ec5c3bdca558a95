"""Does a step of a fold leave the state as it is when a predicate is true, or false, on the whole chunk? (laws N1, D8)

The body is evaluated over a tiny domain: numbers, the parts of the state at hand, and *unknown but finite*. A running maximum
is either finite, or still at its initial −inf; both cases are tried. In the second one an accumulator that is rebased by
``exp(−inf)`` is still empty, so ending at its initial value is the same as staying.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.ir import Operation, SSAValue

from flashlight_mlir.dialects.loop import ContractOp, FoldOp, ReduceOp
from flashlight_mlir.dialects.pointwise import PointwiseOp


@dataclass(frozen=True)
class State:
    """Part ``number`` of the state, as it came in, times a finite ``factor``; finite."""

    number: int
    factor: float = 1.0


@dataclass(frozen=True)
class Unknown:
    """Some finite number (law D8: a factor that a mask excludes is finite, documented)."""


UNKNOWN = Unknown()
Value = float | State | Unknown


def constant_of(value: SSAValue) -> float | None:
    """The number that an ``arith.constant`` holds (a bool as 0 or 1)."""
    op = value.owner
    if isinstance(op, ConstantOp) and isinstance(op.value, FloatAttr | IntegerAttr):
        return float(op.value.value.data != 0) if str(op.value.type) == "i1" else float(op.value.value.data)
    return None


def idle_when(fold: FoldOp, predicate: SSAValue, truth: bool) -> bool:
    """A chunk where ``predicate`` is ``truth`` everywhere leaves the state of ``fold`` alone, and stores nothing."""
    if any(not _known(op) for op in fold.body.block.ops):
        return False
    init = [constant_of(v) for v in fold.init]
    maxima = [k for k, v in enumerate(init) if v == -math.inf]
    for empty in itertools.product((False, True), repeat=min(len(maxima), 4)):
        at_start = {k for k, flag in zip(maxima, empty, strict=False) if flag}
        if not _idle(fold, predicate, truth, init, at_start):
            return False
    return True


def _known(op: Operation) -> bool:
    return not op.regions and op.name != "loop.store"


def _idle(fold: FoldOp, predicate: SSAValue, truth: bool, init: list[float | None], at_start: set[int]) -> bool:
    values: dict[SSAValue, Value] = {predicate: float(truth)}
    for k, arg in enumerate(fold.body.block.args):
        values[arg] = -math.inf if k in at_start else State(k)
    for op in fold.body.block.ops:
        for result in op.results:
            if result is not predicate:
                values[result] = _evaluate(op, values)
    for k, after in enumerate(fold.next_state):
        value = values.get(after, UNKNOWN)
        stays = value == values[fold.body.block.args[k]]
        if not stays and not (at_start and value == init[k]):
            return False
    return True


def _evaluate(op: Operation, values: dict[SSAValue, Value]) -> Value:
    if isinstance(op, ConstantOp):
        known = constant_of(op.result)
        return UNKNOWN if known is None else known
    args = [values.get(a, c if (c := constant_of(a)) is not None else UNKNOWN) for a in op.operands]
    if isinstance(op, ContractOp):
        return _apply("mul", args) if 0.0 in args else UNKNOWN
    if isinstance(op, ReduceOp):
        neutral = {"sum": 0.0, "max": -math.inf, "min": math.inf, "prod": 1.0, "any": 0.0, "all": 1.0}
        return args[0] if args[0] == neutral[op.kind.data] else UNKNOWN
    if isinstance(op, PointwiseOp):
        return _apply(op.ROW.name, args)
    return UNKNOWN


def _apply(name: str, args: list[Value]) -> Value:
    """One scalar function over the domain; UNKNOWN wherever nothing is known."""
    a, b = args[0], args[1] if len(args) > 1 else UNKNOWN
    match name:
        case "cast":
            return a
        case "select":
            return UNKNOWN if not isinstance(a, float) else (args[1] if a else args[2])
        case "eq" if isinstance(a, float) and isinstance(b, float):
            return float(a == b)
        case "eq" | "ne" if {type(a), type(b)} == {float, State} and math.inf in (abs(x) for x in (a, b) if isinstance(x, float)):
            return float(name == "ne")  # a finite value is no infinity
        case "not" if isinstance(a, float):
            return 1.0 - a
        case "and":
            return 0.0 if 0.0 in args else UNKNOWN
        case "or":
            return 1.0 if 1.0 in args else (a if b == 0.0 else b if a == 0.0 else UNKNOWN)
        case "max":
            return b if a == -math.inf else a if b in (-math.inf, a) else UNKNOWN
        case "add":
            return _sum(a, b)
        case "sub":
            return 0.0 if isinstance(a, State) and a == b else _sum(a, -b if isinstance(b, float) else b, minus=True)
        case "mul":
            return _product(a, b)
        case "div":
            return 0.0 if a == 0.0 and b != 0.0 else UNKNOWN
        case "exp" | "exp2":
            return {-math.inf: 0.0, 0.0: 1.0}.get(a, UNKNOWN) if isinstance(a, float) else UNKNOWN
        case _:
            return UNKNOWN


def _sum(a: Value, b: Value, minus: bool = False) -> Value:
    if isinstance(a, float) and isinstance(b, float):
        return a + b
    for x, other in ((a, b), (b, a)):
        if isinstance(x, float) and math.isinf(x):
            return x
        if x == 0.0 and not (minus and other is b):
            return other
    return UNKNOWN


def _product(a: Value, b: Value) -> Value:
    if isinstance(a, float) and isinstance(b, float):
        return 0.0 if 0.0 in (a, b) else a * b
    for x, other in ((a, b), (b, a)):
        if x == 0.0:
            return 0.0
        if x == 1.0:
            return other
        if isinstance(x, float) and isinstance(other, State) and math.isfinite(x):
            return State(other.number, other.factor * x)
    return UNKNOWN
