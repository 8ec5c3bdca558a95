"""Finite masks in units of log₂e: the most negative number of f32 times log₂e is -∞, and a row of them would be 0/0.

A score that hides behind ``c`` is told from the others only by lying far below them, so any other ``c`` as far below will do.
"""

from __future__ import annotations

from math import copysign, inf

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import Float16Type, FloatAttr, f64
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from flashlight_mlir.dialects.loop import KernelOp, LoadOp, ReduceOp
from flashlight_mlir.dialects.pointwise import PointwiseOp, kind, number
from flashlight_mlir.dialects.syntax import element_of, is_float

FAR = 2.0**126
"""Times log₂e it is a number of f32 (and of bf16); a score below FAR / 2²⁵ in size vanishes beside it."""
LEAST = 2.0**64
"""What scaling has to leave of it: a smaller number hides no more than its size says."""


def loads_far(kernel: KernelOp) -> bool:
    """An exponent may hold a number beyond ``FAR`` from memory: a mask of f32 or bf16 that is added, or scores that were masked."""
    return any(_from_memory(op.args[0]) for op in kernel.body.walk() if isinstance(op, PointwiseOp) and kind(op) == "exp")


def _from_memory(value: SSAValue) -> bool:
    op = value.owner
    if isinstance(op, LoadOp):
        return is_float(value.type) and not isinstance(element_of(value.type), Float16Type)
    if not isinstance(op, PointwiseOp):
        return False
    match kind(op):
        case "cast" | "add" | "sub" | "max" | "min":
            return any(map(_from_memory, op.args))
        case "select":
            return any(map(_from_memory, op.args[1:]))
        case "mul":
            return any(number(a) is not None for a in op.args) and any(map(_from_memory, op.args))
        case _:
            return False


def is_far(value: SSAValue) -> bool:
    constant = number(value)
    return constant is not None and FAR < abs(constant) < inf


def bring_nearer(kernel: KernelOp) -> bool:
    """Replace a finite mask beyond ``FAR`` by ``FAR``; False if a score meets two, or more than maxima and exponentials see it."""
    found = [(op, k) for op in kernel.body.walk() if isinstance(op, PointwiseOp) for k, a in enumerate(op.args) if is_far(a)]
    met = {op for op, _ in found}
    if len({number(op.args[k]) for op, k in found}) > 1 or len(met) < len(found):
        return False
    if not all(kind(op) in ("add", "sub", "select") and _only_compared(op.results[0], met) for op, _ in found):
        return False
    for op, k in found:
        constant = ConstantOp(FloatAttr(copysign(FAR, number(op.args[k]) or 0), f64))
        constant.location = op.location
        Rewriter.insert_op(constant, InsertPoint.before(op))
        op.operands[k] = constant.result
    return True


def _only_compared(score: SSAValue, met: set[PointwiseOp], size: float = FAR) -> bool:
    """``met``: the ops that hide a score, and the sums that hidden scores entered. A sum of two would be -∞ in f32."""
    return all(_compares(use.operation, met, size) for use in score.uses)


def _compares(op: Operation, met: set[PointwiseOp], size: float) -> bool:
    if isinstance(op, ReduceOp):
        return op.kind.data in ("max", "min")
    if not isinstance(op, PointwiseOp) or op in met:
        return False
    match kind(op):
        case "exp":
            return True
        case "mul":
            size *= min(abs(number(a) or inf) for a in op.args)
            return LEAST <= size <= FAR and _only_compared(op.results[0], met, size)
        case "add" | "sub":
            met.add(op)
            return _only_compared(op.results[0], met, size)
        case "select" | "max" | "min":
            return _only_compared(op.results[0], met, size)
        case _:
            return False
