"""Exponentials as powers of two, with constant scales folded into the conversion: one multiply-add for each score.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, 64 : f32>) -> !tensor_ext.tensor<B : f32> {
      %r = loop.kernel @k0(%X = %x) dims [b = B, j = 64] {
        %c = arith.constant 0.125 : f64
        %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
        %1 = pointwise.mul %0, %c : !loop.tile<b, j : f32>
        %2 = loop.reduce max %1 over [j] : !loop.tile<b : f32>
        %3 = pointwise.sub %1, %2 : !loop.tile<b, j : f32>
        %4 = pointwise.exp %3 : !loop.tile<b, j : f32>
        %5 = loop.reduce sum %4 over [j] : !loop.tile<b : f32>
        loop.store %5, 0[b]
      } : !tensor_ext.tensor<B : f32>
      func.return %r : !tensor_ext.tensor<B : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, 64 : f32>) -> !tensor_ext.tensor<B : f32> {
      %r = loop.kernel @k0(%X = %x) dims [b = B, j = 64] {
        %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
        %1 = loop.reduce max %0 over [j] : !loop.tile<b : f32>
        %2 = arith.constant 0.18033688011112042 : f64
        %3 = pointwise.mul %0, %2 : !loop.tile<b, j : f32>
        %4 = pointwise.mul %1, %2 : !loop.tile<b : f32>
        %5 = pointwise.sub %3, %4 : !loop.tile<b, j : f32>
        %6 = pointwise.exp2 %5 : !loop.tile<b, j : f32>
        %7 = loop.reduce sum %6 over [j] : !loop.tile<b : f32>
        loop.store %7, 0[b]
      } : !tensor_ext.tensor<B : f32>
      func.return %r : !tensor_ext.tensor<B : f32>
    }

With 0 < c < ∞: ``exp(a - b) = exp2(a·log₂e - b·log₂e)``, ``max(c·f) = c·max f``, and ``select(k, c·f, -∞) = c·select(k, f, -∞)``.
The unit of a fold enters every exponential as the same rounded ``b·log₂e``, so accumulators and rescaling stay consistent.
Refuses when: a scale is no positive constant: it stays a multiply of its own.
Source: law N3.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log2, e

from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.transforms.common_subexpression_elimination import cse

from flashlight_mlir.dialects.loop import KernelOp, ReduceOp
from flashlight_mlir.dialects.loop.kernel import kernel_of
from flashlight_mlir.dialects.pointwise import OPS, PointwiseOp, build, kind
from flashlight_mlir.dialects.syntax import is_float

LOG2E = log2(e)


def number(value: SSAValue) -> float | None:
    """The number that a value is, if it is a constant."""
    op = value.owner
    if isinstance(op, ConstantOp) and isinstance(op.value, FloatAttr):
        return op.value.value.data
    return None


def scaled(value: SSAValue) -> tuple[SSAValue, SSAValue] | None:
    """``(f, c)`` if the value is ``f · c`` with a constant 0 < c < ∞."""
    op = value.owner
    if not isinstance(op, PointwiseOp) or kind(op) != "mul":
        return None
    for f, c in (op.args, op.args[::-1]):
        constant = number(c)
        if constant is not None and 0 < constant < inf and number(f) is None:
            return f, c
    return None


class LiftFromSelect(RewritePattern):
    """``select(k, c·f, v) -> c · select(k, f, v)`` for v = 0 or ±∞."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: OPS["select"], rewriter: PatternRewriter) -> None:  # pyright: ignore
        for at, other in ((1, 2), (2, 1)):
            found, fixed = scaled(op.args[at]), number(op.args[other])
            if found is None or fixed is None or (isfinite(fixed) and fixed != 0):
                continue
            args = list(op.args)
            args[at] = found[0]
            order = list(kernel_of(op).dims)
            inner = build("select", *args, order=order)
            rewriter.replace_matched_op([inner, build("mul", inner.result, found[1], order=order)])
            return


class LiftFromReduce(RewritePattern):
    """``max(c·f) -> c · max f``, and so for min."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReduceOp, rewriter: PatternRewriter) -> None:
        found = scaled(op.source)
        if found is None or op.kind.data not in ("max", "min"):
            return
        inner = ReduceOp(op.kind.data, found[0], op.dims)
        rewriter.replace_matched_op([inner, build("mul", inner.result, found[1], order=list(kernel_of(op).dims))])


class ToExp2(RewritePattern):
    """``exp(a - b) -> exp2(a·log₂e - b·log₂e)``; scales of a and b are folded into the factor."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: OPS["exp"], rewriter: PatternRewriter) -> None:  # pyright: ignore
        order = list(kernel_of(op).dims)
        new: list[Operation] = []

        def add(made: Operation) -> SSAValue:
            made.location = op.location
            new.append(made)
            return made.results[0]

        def convert(value: SSAValue) -> SSAValue:
            constant, found = number(value), scaled(value)
            if constant is not None:
                return add(ConstantOp(FloatAttr(constant * LOG2E, f64)))
            factor = LOG2E
            if found is not None and (lifted := number(found[1])) is not None:
                value, factor = found[0], lifted * LOG2E
            return add(build("mul", value, add(ConstantOp(FloatAttr(factor, f64))), order=order))

        inner = op.args[0].owner
        if not is_float(op.result.type):
            return
        if isinstance(inner, PointwiseOp) and kind(inner) in ("sub", "add"):
            power = add(build(inner.ROW.name, *map(convert, inner.args), order=order))
        else:
            power = convert(op.args[0])
        add(build("exp2", power, order=order))
        rewriter.replace_matched_op(new)


@dataclass(frozen=True)
class Exp2Pass(ModulePass):
    """Exponentials as powers of two, scales folded into the conversion."""

    name = "exp2"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns: list[RewritePattern] = [LiftFromSelect(), LiftFromReduce(), ToExp2()]
        for kernel in op.walk():
            if isinstance(kernel, KernelOp):
                PatternRewriteWalker(GreedyRewritePatternApplier(patterns, dce_enabled=True)).rewrite_region(kernel.body)
                cse(kernel)
