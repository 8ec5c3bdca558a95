"""Shrink a fold's range to the tiles where its mask can hold.

Before:
    func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
      %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 128, j stream 64] warps 4 stages 2 {
        %ninf = arith.constant 0xff800000 : f32
        %m = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>) {
          %i = loop.index i : !loop.tile<i : index>
          %j = loop.index j : !loop.tile<j : index>
          %seen = pointwise.ge %i, %j : !loop.tile<i, j : i1>
          %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
          %1 = pointwise.select %seen, %0, %ninf : !loop.tile<i, j : f32>
          %2 = loop.reduce max %1 over [j] : !loop.tile<i : f32>
          %3 = pointwise.max %m0, %2 : !loop.tile<i : f32>
          loop.yield %3
        }
        loop.store %m, 0[i]
      } : !tensor_ext.tensor<S : f32>
      func.return %r : !tensor_ext.tensor<S : f32>
    }

After:
    …
        %m = loop.fold over [j] in [0, min(T, hi(i))) (%m0 = %ninf : !loop.tile<i : f32>) {
    …

A tile where the predicate is false everywhere (or true, if that is what masks) leaves the state alone (``analysis/idle.py``), so it need not be visited. The bound
is an expression of the edges of the program's tile: ``hi(i)`` is where its rows end.

Refuses when: the predicate is not affine in the fold's dim, or a masked tile would change the state.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from flashlight_mlir.analysis.predicates import guards
from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects.expr import ExprAttr
from flashlight_mlir.dialects.loop import FoldOp
from flashlight_mlir.expr import Expr, call


def bounded(fold: FoldOp, dim: str) -> tuple[Expr, Expr]:
    """The range of ``dim`` outside which every step is idle."""
    lo, hi = fold.ranges[dim]
    for guard in guards(fold, dim):
        edges = guard.holds.holds_for(dim)
        if edges is None or not guard.idle_outside:
            why = "is not linear in" if edges is None else "does not leave the state alone outside its range of"
            text = f"{guard.holds.form} >= 0 {why} {dim}: every tile is visited"
            emit(Remark("bound-by-mask", text, location_of(guard.value.owner), None, True))
            continue
        if edges.some_hi is not None:
            hi = call("min", (hi, edges.some_hi))
        if edges.some_lo is not None:
            lo = call("max", (lo, edges.some_lo))
    return lo, hi


class BoundByMask(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: FoldOp, rewriter: PatternRewriter) -> None:
        if len(op.dims) != 1 or not op.init:
            return
        lo, hi = bounded(op, op.dims[0])
        if (lo, hi) == op.ranges[op.dims[0]]:
            return
        op.lows, op.highs = ArrayAttr([ExprAttr(lo)]), ArrayAttr([ExprAttr(hi)])
        rewriter.notify_op_modified(op)


@dataclass(frozen=True)
class BoundByMaskPass(ModulePass):
    """Shrink a fold's range to the tiles where its mask can hold."""

    name = "bound-by-mask"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([BoundByMask()]), apply_recursively=False).rewrite_module(op)
