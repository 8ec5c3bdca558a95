"""A mask of fewer dims than the scores becomes a bias that is chosen once for each of its own points.

Before:
    func.func @f(%x: !tensor_ext.tensor<S, T : f32>, %keep: !tensor_ext.tensor<T : i1>) -> !tensor_ext.tensor<S : f32> {
      %r = loop.kernel @k(%X = %x, %K = %keep) dims [i = S, j = T] {
        %far = arith.constant -1.0e+30 : f64
        %k = loop.load %K[j] : !loop.tile<j : i1>
        %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
        %1 = pointwise.add %0, %far : !loop.tile<i, j : f32>
        %2 = pointwise.select %k, %0, %1 : !loop.tile<i, j : f32>
        %m = loop.reduce max %2 over [j] : !loop.tile<i : f32>
        loop.store %m, 0[i]
      } : !tensor_ext.tensor<S : f32>
      func.return %r : !tensor_ext.tensor<S : f32>
    }

After:
    …
        %k = loop.load %K[j] : !loop.tile<j : i1>
        %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
        %1 = arith.constant 0.000000e+00 : f32
        %2 = arith.constant -1.000000e+30 : f64
        %3 = pointwise.select %k, %1, %2 : !loop.tile<j : f32>
        %4 = pointwise.add %0, %3 : !loop.tile<i, j : f32>
    …

``select(k, x, x + n) = x + select(k, 0, n)``: an addition that the scale before it absorbs (one fused multiply-add a score) instead
of an addition and a selection.

Refuses when: the mask has all the dims of the scores; n is not finite (x + 0 is x, but a NaN would stay where -∞ stood).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import AnyFloat, FloatAttr, ModuleOp, f64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from flashlight_mlir.dialects.loop import dims_of, kernel_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, build, kind, number
from flashlight_mlir.dialects.syntax import element_of


def shift(value: SSAValue, x: SSAValue) -> float | None:
    """``n`` if ``value`` is ``x + n`` with a finite number."""
    op = value.owner
    if not isinstance(op, PointwiseOp) or kind(op) != "add":
        return None
    for a, n in (op.args, op.args[::-1]):
        if a is x and (constant := number(n)) is not None and isfinite(constant):
            return constant
    return None


class NarrowMask(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if kind(op) != "select":
            return
        mask, kept, hidden = op.args
        if set(dims_of(mask.type)) >= set(dims_of(op.result.type)):
            return
        for x, other in ((kept, hidden), (hidden, kept)):
            n = shift(other, x)
            if n is None or x.type != op.result.type:
                continue
            order, element = list(kernel_of(op).dims), element_of(x.type)
            assert isinstance(element, AnyFloat)
            none, far = ConstantOp(FloatAttr(0.0, element)), ConstantOp(FloatAttr(n, f64))  # a number, as it was
            bias = build("select", mask, *((none if a is x else far).result for a in (kept, hidden)), order=order)
            rewriter.replace(op, [none, far, bias, build("add", x, bias.result, order=order)])
            return


@dataclass(frozen=True)
class NarrowMasksPass(ModulePass):
    """Choose a mask's bias on the mask's own dims."""

    name = "narrow-masks"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([NarrowMask()], dce_enabled=True)).rewrite_module(op)
