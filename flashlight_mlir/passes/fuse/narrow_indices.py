"""Sums and differences of coordinates stay index arithmetic; they are cast once, to the type that is used.

Before:
    func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S, T : f32> {
      %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
        %0 = loop.index i : !loop.tile<i : index>
        %1 = pointwise.cast %0 : !loop.tile<i : i64>
        %2 = loop.index j : !loop.tile<j : index>
        %3 = pointwise.cast %2 : !loop.tile<j : i64>
        %4 = pointwise.sub %3, %1 : !loop.tile<i, j : i64>
        %5 = pointwise.cast %4 : !loop.tile<i, j : f32>
        loop.store %5, 0[i, j]
      } : !tensor_ext.tensor<S, T : f32>
      func.return %r : !tensor_ext.tensor<S, T : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S, T : f32> {
      %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
        %0 = loop.index i : !loop.tile<i : index>
        %1 = loop.index j : !loop.tile<j : index>
        %2 = pointwise.sub %1, %0 : !loop.tile<i, j : index>
        %3 = pointwise.cast %2 : !loop.tile<i, j : f32>
        loop.store %3, 0[i, j]
      } : !tensor_ext.tensor<S, T : f32>
      func.return %r : !tensor_ext.tensor<S, T : f32>
    }

An index is as wide as the sizes of a call need (32 bits nearly always), while a program's own arange is 64 bits wide, which a GPU
computes in pieces: a difference of coordinates at each score is then as dear as the exponential.

Refuses when: the op is not a sum, difference or negation (a product of two coordinates may pass 32 bits).
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IndexType, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from flashlight_mlir.dialects.loop import KernelOp, kernel_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, build, kind
from flashlight_mlir.dialects.syntax import element_of


def coordinate(value: SSAValue) -> SSAValue | None:
    """The index that ``value`` is, maybe cast to i64."""
    if element_of(value.type) == IndexType():
        return value
    op = value.owner
    if isinstance(op, PointwiseOp) and kind(op) == "cast" and element_of(value.type) == i64:
        return op.args[0] if element_of(op.args[0].type) == IndexType() else None
    return None


class CastLast(RewritePattern):
    """``cast(a) - cast(b) -> cast(a - b)`` for coordinates a and b."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if kind(op) not in ("add", "sub", "neg") or element_of(op.result.type) != i64:
            return
        args = [c for a in op.args if (c := coordinate(a)) is not None]
        if len(args) < len(op.args):
            return
        inner = build(op.ROW.name, *args, order=list(kernel_of(op).dims))
        outer = build("cast", inner.result, to=i64)
        inner.location = outer.location = op.location
        rewriter.replace(op, [inner, outer])


class CastOnce(RewritePattern):
    """``cast(cast(a : i64) : t) -> cast(a : t)`` for a coordinate a."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if kind(op) != "cast" or element_of(op.args[0].type) != i64:
            return
        inner = coordinate(op.args[0])
        if inner is None:
            return
        outer = build("cast", inner, to=element_of(op.result.type))
        outer.location = op.location
        rewriter.replace(op, outer)


@dataclass(frozen=True)
class NarrowIndicesPass(ModulePass):
    """Sums and differences of coordinates stay index arithmetic."""

    name = "narrow-indices"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        walker = PatternRewriteWalker(GreedyRewritePatternApplier([CastLast(), CastOnce()], dce_enabled=True))
        for kernel in list(op.walk()):
            if isinstance(kernel, KernelOp):
                walker.rewrite_region(kernel.body)
