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

A tile where the predicate is false everywhere (or true, if that is what masks) leaves the state alone (``analysis/idle.py``), so
it need not be visited. The bound is an expression of the edges of the program's tile: ``hi(i)`` is where its rows end.

Where a mask is a large finite number, a hidden score is idle only in rows that have seen a real one (law D8): the maximum is then
so much larger that its exponential is 0. For the other rows, which average what is hidden, the fold goes on:

    …
        %m, %l = loop.fold over [j] in [0, min(T, hi(i))) (…) {
        %more = pointwise.lt %m, %c : !loop.tile<i : i1>
        %m_1, %l_1 = loop.fold over [j] in [min(T, hi(i)), T) if %more (%m0_1 = %m : …) {
    …

Refuses when: the predicate is not affine in the fold's dim, or a masked tile would change the state: a number above -1e30 that
is added hides no score of unknown size (one that is selected does).
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, ModuleOp, f64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import InsertPoint, Rewriter

from flashlight_mlir.analysis.idle import near_mask
from flashlight_mlir.analysis.predicates import Guard, guards
from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects.expr import ExprAttr
from flashlight_mlir.dialects.loop import FoldOp, dims_of, kernel_of
from flashlight_mlir.dialects.pointwise import build
from flashlight_mlir.expr import Expr, call
from flashlight_mlir.passes.tile.split_by_mask import hold

Range = tuple[Expr, Expr]


@dataclass(frozen=True)
class Bounds:
    """The range of a dim outside which every step is idle, and a part of it: outside that, steps are idle where ``needs`` hold."""

    whole: Range
    visited: Range
    needs: dict[int, float]
    before: list[Guard]
    """What is false before ``visited``, and after."""
    after: list[Guard]


def bounded(fold: FoldOp, dim: str) -> Bounds:
    whole = visited = fold.ranges[dim]
    needs: dict[int, float] = {}
    before: list[Guard] = []
    after: list[Guard] = []
    for guard in guards(fold, dim):
        edges = guard.holds.holds_for(dim)
        why = None
        if edges is None:
            why = "is not linear in"
        elif guard.idle is None or not _is_local(fold, guard):
            why = "does not leave the state alone outside its range of"
        if edges is None or guard.idle is None or why:
            text = f"{guard.holds.form} >= 0 {why} {dim}: every tile is visited"
            emit(Remark("bound-by-mask", text, location_of(guard.value.owner), _hint(fold, guard), True))
            continue
        if not guard.idle.needs:
            whole = _within(whole, edges.some_lo, edges.some_hi)
        elif _one_tile(fold, dim):
            continue
        visited = _within(visited, edges.some_lo, edges.some_hi)
        if guard.idle.needs:
            text = f"{guard.holds.form} >= 0 bounds {dim}; rows that have seen no more than hidden scores go on"
            emit(Remark("bound-by-mask", text, location_of(guard.value.owner)))
            needs |= {k: max(least, needs.get(k, least)) for k, least in guard.idle.needs}
            before += [guard] if edges.some_lo is not None else []
            after += [guard] if edges.some_hi is not None else []
    return Bounds(whole, visited, needs, before, after)


def _hint(fold: FoldOp, guard: Guard) -> str | None:
    near = near_mask(fold) if guard.idle is None else None
    return None if near is None else f"adding {near:g} does not hide scores of any size: fill with it, or add -1e30 or less"


def _within(span: Range, lo: Expr | None, hi: Expr | None) -> Range:
    return call("max", (span[0], lo)) if lo is not None else span[0], call("min", (span[1], hi)) if hi is not None else span[1]


def _is_local(fold: FoldOp, guard: Guard) -> bool:
    """Each part of the state has the dims of those that ``guard`` asks about."""
    assert guard.idle is not None
    asked = {d for k, _ in guard.idle.needs for d in dims_of(fold.outputs[k].type)}
    return all(asked <= set(dims_of(t)) for t in fold.outputs.types)


def _one_tile(fold: FoldOp, dim: str) -> bool:
    kernel = kernel_of(fold)
    extent, size = kernel.dims[dim].constant, kernel.schedule.data.size(dim) if kernel.schedule else None
    return extent is not None and size is not None and extent <= size


def go_on(fold: FoldOp, dim: str, found: Bounds) -> None:
    """After ``fold``, run what it leaves out of ``found.whole`` for rows whose maxima are not large enough."""
    (lo, hi), (low, high) = found.whole, found.visited
    middle = lo if low == lo else call("min", (low, hi))
    end = high if (high - middle).is_nonnegative({}) else call("max", (middle, high))
    spans = [(span, known) for span, known in (((lo, middle), found.before), ((end, hi), found.after)) if known]
    order = list(kernel_of(fold).dims)
    uses = [list(r.uses) for r in fold.outputs]
    new: list[Operation] = []
    wants: SSAValue | None = None
    for k, least in sorted(found.needs.items()):
        limit = ConstantOp(FloatAttr(least, f64))
        short = build("lt", fold.outputs[k], limit.result, order=order)
        new += [limit, short]
        if wants is not None:
            new.append(short := build("or", wants, short.result, order=order))
        wants = short.result
    assert wants is not None
    state: list[SSAValue] = list(fold.outputs)
    for span, known in spans:
        copies: dict[SSAValue, SSAValue] = {}
        copy = fold.clone(value_mapper=copies)
        part = FoldOp({dim: span}, state, copy.detach_region(copy.body), None, condition=wants)
        if len(known) == 1:
            hold(part, [(copies[known[0].value], not known[0].truth)])
        new.append(part)
        state = list(part.outputs)
    for op in new:
        op.location = fold.location
    Rewriter.insert_op(new, InsertPoint.after(fold))
    for old, last in zip(uses, state, strict=True):
        for use in old:
            use.operation.operands[use.index] = last


class BoundByMask(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: FoldOp, rewriter: PatternRewriter) -> None:
        if len(op.dims) != 1 or not op.init or op.condition:
            return
        (dim,) = op.dims
        found = bounded(op, dim)
        if found.visited == op.ranges[dim]:
            return
        op.lows, op.highs = (ArrayAttr([ExprAttr(e)]) for e in found.visited)
        rewriter.notify_op_modified(op)
        if found.needs:
            go_on(op, dim, found)


@dataclass(frozen=True)
class BoundByMaskPass(ModulePass):
    """Shrink a fold's range to the tiles where its mask can hold."""

    name = "bound-by-mask"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([BoundByMask()]), apply_recursively=False).rewrite_module(op)
