"""Does a step of a fold leave the state as it is when a predicate is true, or false, on the whole chunk? (laws N1, D8)

The body is evaluated over the domain of ``analysis/masked.py``. A running maximum is either finite, or still at its initial −∞;
both cases are tried. In the second one an accumulator that is rebased by ``exp(−∞)`` is still empty, so ending at its initial
value is the same as staying. Where a mask is a finite number, the step is idle only if a maximum is finite and far enough above.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import Float16Type, Float64Type, FloatAttr, IntegerAttr
from xdsl.ir import Operation, SSAValue

from flashlight_mlir.analysis.masked import HUGE, MASK, UNKNOWN, Needs, State, Under, Unknown, Value, apply, mask_limit
from flashlight_mlir.dialects.loop import ContractOp, FoldOp, ReduceOp, kernel_of
from flashlight_mlir.dialects.pointwise import PointwiseOp
from flashlight_mlir.dialects.syntax import element_of, is_float

LARGEST_F16, ROUNDED = 65504.0, 2.0**-8
"""The largest number of f16; how far a number may move when it is rounded to 16 bits."""
LEAST = -200.0
"""Needs above this are refused: maxima of real scores may well be smaller."""


@dataclass(frozen=True)
class Idle:
    """Each step is idle if these parts of the state are that large; always if there are none."""

    needs: tuple[tuple[int, float], ...] = ()


def constant_of(value: SSAValue) -> float | None:
    """The number that an ``arith.constant`` holds (a bool as 0 or 1)."""
    op = value.owner
    if isinstance(op, ConstantOp) and isinstance(op.value, FloatAttr | IntegerAttr):
        return float(op.value.value.data != 0) if str(op.value.type) == "i1" else float(op.value.value.data)
    return None


def idle_when(fold: FoldOp, predicate: SSAValue, truth: bool) -> Idle | None:
    """When a chunk where ``predicate`` is ``truth`` everywhere leaves the state of ``fold`` alone, and stores nothing."""
    if any(not _known(op) for op in fold.body.block.ops):
        return None
    init = [constant_of(v) for v in fold.init]
    maxima = [k for k, v in enumerate(init) if v == -math.inf][:4]
    needs: Needs = {}
    if not _idle(fold, predicate, truth, init, set(), needs):
        return None
    perhaps_empty = [k for k in maxima if k not in needs]
    for flags in itertools.product((False, True), repeat=len(perhaps_empty)):
        empty = {k for k, flag in zip(perhaps_empty, flags, strict=True) if flag}
        if empty and (not _idle(fold, predicate, truth, init, empty, needs) or empty & set(needs)):
            return None
    if any(least > LEAST for least in needs.values()):
        return None
    return Idle(tuple(sorted(needs.items())))


def near_mask(fold: FoldOp) -> float | None:
    """A number that is added to hide scores, but might not hide large ones."""
    for op in fold.body.walk():
        if isinstance(op, PointwiseOp) and op.ROW.name in ("add", "sub"):
            for number in map(constant_of, op.args):
                if number is not None and HUGE < -abs(number) <= MASK:
                    return -abs(number)
    return None


def _known(op: Operation) -> bool:
    return not op.regions and op.name != "loop.store"


def _idle(fold: FoldOp, predicate: SSAValue, truth: bool, init: list[float | None], at_start: set[int], needs: Needs) -> bool:
    values: dict[SSAValue, Value] = {predicate: float(truth)}
    for k, arg in enumerate(fold.body.block.args):
        values[arg] = -math.inf if k in at_start else State(k)
    for op in fold.body.block.ops:
        for result in op.results:
            if result is not predicate:
                values[result] = _evaluate(op, values, needs)
    for k, after in enumerate(fold.next_state):
        value = values.get(after, UNKNOWN)
        stays = value == values[fold.body.block.args[k]]
        if not stays and not (at_start and value == init[k]):
            return False
    return True


def _evaluate(op: Operation, values: dict[SSAValue, Value], needs: Needs) -> Value:
    if isinstance(op, ConstantOp):
        known = constant_of(op.result)
        return UNKNOWN if known is None else known
    args = [values[a] if a in values else _outside(a) for a in op.operands]
    return _typed(_value(op, args, needs), op.results[0])


def _value(op: Operation, args: list[Value], needs: Needs) -> Value:
    if isinstance(op, ContractOp):
        return _contracted(op, args)
    if isinstance(op, ReduceOp):
        neutral = {"sum": 0.0, "max": -math.inf, "min": math.inf, "prod": 1.0, "any": 0.0, "all": 1.0}
        kept = op.kind.data in ("max", "min") and (mask_limit(args[0]) is not None or isinstance(args[0], Unknown))
        return args[0] if kept or args[0] == neutral[op.kind.data] else UNKNOWN
    if isinstance(op, PointwiseOp):
        return apply(op.ROW.name, args, needs, isinstance(element_of(op.result.type), Float64Type))
    return UNKNOWN


def _outside(value: SSAValue) -> Value:
    """What is known of a value from outside of the fold."""
    constant = constant_of(value)
    return _typed(UNKNOWN, value) if constant is None else constant


def _typed(value: Value, result: SSAValue) -> Value:
    """What the element type adds: numbers of f16 are bounded, and masks in 16 bits are rounded."""
    element = element_of(result.type)
    if isinstance(element, Float16Type) and isinstance(value, Unknown):
        return Unknown(min(value.size, LARGEST_F16))
    limit = mask_limit(value)
    if limit is None or not is_float(result.type) or getattr(element, "bitwidth", 64) >= 32:
        return value
    limit += ROUNDED * abs(limit)
    return Under(limit) if limit <= MASK else UNKNOWN


def _contracted(op: ContractOp, args: list[Value]) -> Value:
    if 0.0 in args:
        return apply("mul", args, {})
    terms = 1
    for d in op.dims:
        extent = kernel_of(op).dims[d].constant
        if extent is None:
            return UNKNOWN
        terms *= extent
    return apply("mul", [apply("mul", args, {}), terms * (1 + ROUNDED)], {})
