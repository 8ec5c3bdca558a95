"""Split a fold into a chain: whole tiles where every mask holds, and the mixed tiles before and after them.

Before:
    func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
      %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 128, j stream 64] warps 4 stages 2 {
        %ninf = arith.constant 0xff800000 : f32
        %m = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>) {
          %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
          %1 = loop.reduce max %0 over [j] : !loop.tile<i : f32>
          %2 = pointwise.max %m0, %1 : !loop.tile<i : f32>
          loop.yield %2
        }
        loop.store %m, 0[i]
      } : !tensor_ext.tensor<S : f32>
      func.return %r : !tensor_ext.tensor<S : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
      %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 128, j stream 64] warps 4 stages 2 {
        %ninf = arith.constant 0xff800000 : f32
        %m = loop.fold over [j] in [0, 64 * (T floordiv 64)) full (%m0 = %ninf : !loop.tile<i : f32>) {
          %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
          %1 = loop.reduce max %0 over [j] : !loop.tile<i : f32>
          %2 = pointwise.max %m0, %1 : !loop.tile<i : f32>
          loop.yield %2
        }
        %m_1 = loop.fold over [j] in [64 * (T floordiv 64), T) (%m0_1 = %m : !loop.tile<i : f32>) {
          %3 = loop.load %X[i, j] : !loop.tile<i, j : f32>
          %4 = loop.reduce max %3 over [j] : !loop.tile<i : f32>
          %5 = pointwise.max %m0_1, %4 : !loop.tile<i : f32>
          loop.yield %5
        }
        loop.store %m_1, 0[i]
      } : !tensor_ext.tensor<S : f32>
      func.return %r : !tensor_ext.tensor<S : f32>
    }

The end of a tensor is a mask like any other. In the full part the predicates are known, so the selects on
them vanish, and no load needs a predicate.

Refuses when: the fold has no tile size, several dims, is already part of a chain, or one tile covers its dim.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, UnitAttr
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.transforms.dead_code_elimination import region_dce

from flashlight_mlir.analysis.predicates import Edges, guards
from flashlight_mlir.dialects.expr import ExprAttr
from flashlight_mlir.dialects.loop import FoldOp, dims_of, kernel_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, kind, result_type
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.expr import Expr, call


def whole_tiles(lo: Expr, hi: Expr, size: int, edges: list[Edges]) -> tuple[Expr, Expr]:
    """``[a, b)``: the tiles of ``[lo, hi)``, counted from ``lo``, that are whole and hold every predicate."""
    first = lo
    for e in edges:
        if e.all_lo is not None:
            first = call("max", (first, e.all_lo))
    if first != lo:  # round up to a tile's edge, and stay inside
        first = call("min", (hi, lo + (first - lo + (size - 1)).floordiv(size) * size))
    last = hi
    for e in edges:
        if e.all_hi is not None:
            last = call("min", (last, e.all_hi))
    count = (last - first).floordiv(size)
    if last != hi or first != lo or not (last - first).is_nonnegative({}):
        count = call("max", (Expr.of(0), count))
    return first, first + count * size


def hold(fold: FoldOp, known: list[tuple[SSAValue, bool]]) -> None:
    """Replace predicates by what they are in the body of ``fold``, and fold the ops on them."""
    known = list(known)
    for value, truth in known:  # grows: what follows from what is known
        for use in list(value.uses):
            op = use.operation
            if not isinstance(op, PointwiseOp):
                continue
            kept = _simplified(op, use.index, truth)
            if isinstance(kept, bool):
                known.append((op.results[0], kept))
            elif kept is not None:
                _replace(op.results[0], kept)
    region_dce(fold.body)


def _replace(old: SSAValue, new: SSAValue) -> None:
    """``new`` may have fewer dims: it stands where what is computed from it keeps its type."""
    for use in list(old.uses):
        user = use.operation
        if old.type != new.type:
            if not isinstance(user, PointwiseOp):
                continue
            types = [new.type if k == use.index else a.type for k, a in enumerate(user.args)]
            kept = user.result.type
            if result_type(user.ROW, types, element_of(kept), dims_of(kept)) != kept:
                continue
        user.operands[use.index] = new


def _simplified(op: PointwiseOp, operand: int, truth: bool) -> SSAValue | bool | None:
    """The operand or the truth that ``op`` is equal to once its operand number ``operand`` is known."""
    match kind(op):
        case "select" if operand == 0:
            return op.args[1 if truth else 2]
        case "and":
            return op.args[1 - operand] if truth else False
        case "or":
            return True if truth else op.args[1 - operand]
        case "not":
            return not truth
        case _:
            return None


class SplitByMask(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: FoldOp, rewriter: PatternRewriter) -> None:
        kernel = kernel_of(op)
        schedule = kernel.schedule
        if op.full or op.condition or len(op.dims) != 1 or schedule is None or not op.init:
            return
        dim = op.dims[0]
        size = schedule.data.size(dim)
        lo, hi = op.ranges[dim]
        if size is None or op.continues:
            return
        extent = kernel.dims[dim].constant
        if extent is not None and extent < size:
            return
        found = [(g, e) for g in guards(op, dim) if (e := g.holds.holds_for(dim)) is not None]
        a, b = whole_tiles(lo, hi, size, [e for _, e in found])
        if a == b:
            return
        spans = [(lo, a, False), (a, b, True), (b, hi, False)]
        state: list[SSAValue] = list(op.init)
        parts: list[FoldOp] = []
        for low, high, full in spans:
            if low == high:
                continue
            copies: dict[SSAValue, SSAValue] = {}
            part = op.clone(value_mapper=copies)
            part.operands = state
            part.lows, part.highs = ArrayAttr([ExprAttr(low)]), ArrayAttr([ExprAttr(high)])
            if full:
                part.full = UnitAttr()
                hold(part, [(copies[g.value], g.truth) for g, _ in found])
            part.location = op.location
            parts.append(part)
            state = list(part.results)
        rewriter.replace(op, parts, state)


@dataclass(frozen=True)
class SplitByMaskPass(ModulePass):
    """Split a fold into a chain: whole tiles where every mask holds, and the mixed tiles around them."""

    name = "split-by-mask"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([SplitByMask()]), apply_recursively=False).rewrite_module(op)
