"""What index arithmetic and the extents of dims decide is decided: comparisons, remainders, and gathers that are plain loads.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = loop.kernel @k(%X = %x) dims [b = B, j = S] {
        %zero = arith.constant 0.0 : f64
        %n = loop.index S : index
        %0 = loop.index b * S + j : !loop.tile<b, j : index>
        %1 = pointwise.floordiv %0, %n : !loop.tile<b, j : index>
        %2 = pointwise.mod %0, %n : !loop.tile<b, j : index>
        %3 = loop.load %X[%1, %2] : !loop.tile<b, j : f32>
        %4 = arith.constant 0 : index
        %5 = pointwise.ge %2, %4 : !loop.tile<b, j : i1>
        %6 = pointwise.select %5, %3, %zero : !loop.tile<b, j : f32>
        loop.store %6, 0[b, j]
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = loop.kernel @k(%X = %x) dims [b = B, j = S] {
        %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
        loop.store %0, 0[b, j]
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

Masks as models write them (a flattened index into a padding mask, a guard against negative positions) then are loads and
comparisons of positions, which the passes of ``tile`` understand.

Refuses when: the extents do not decide; a value would lose a dim that a reduction, a fold or a store reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr, ModuleOp, i1
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from flashlight_mlir.analysis.predicates import affine, index_expr
from flashlight_mlir.dialects.expr import is_dim
from flashlight_mlir.dialects.loop import IndexOp, KernelOp, LoadOp, dims_of, kernel_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, build, kind
from flashlight_mlir.dialects.syntax import element_of, is_number
from flashlight_mlir.dialects.tensor_ext import type_of
from flashlight_mlir.expr import Bounds, Call, Expr


def bounds_of(op: Operation) -> Bounds:
    return kernel_of(op).dims


def always(form: Expr, bounds: Bounds) -> bool:
    """``form >= 0`` for all dims in range: proved at the least value, where dims with negative coefficients are largest."""
    for dim in form.names & bounds.keys():
        parts = form.coefficient(dim)
        if parts is None or parts[0].constant is None:
            return False
        if parts[0].constant < 0:
            form = form.substitute({dim: bounds[dim] - 1})
    return form.is_nonnegative(bounds)


def may_lose(value: SSAValue, dims: Iterable[str]) -> bool:
    """If ``value`` had these dims only, nothing but pointwise ops and loads would notice."""
    for use in value.uses:
        op = use.operation
        if not isinstance(op, PointwiseOp | LoadOp):
            return False
        named = {n for e in op.indices for n in e.data.names if is_dim(n)} if isinstance(op, LoadOp) else set[str]()
        others = {d for o in op.operands if o is not value for d in dims_of(o.type)} | named
        now = others | set(dims)
        if now != set(dims_of(op.results[0].type)) and not may_lose(op.results[0], now):
            return False
    return True


def truth(value: SSAValue) -> bool | None:
    """The value of an ``i1`` constant."""
    op = value.owner
    if isinstance(op, ConstantOp) and op.result.type == i1 and isinstance(op.value, IntegerAttr):
        return bool(op.value.value.data)
    return None


class Compare(RewritePattern):
    """``0 <= j -> true``, ``j < extent -> true``, ``j < 0 -> false``."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        found = affine(op.result)
        if found is None or not may_lose(op.result, ()):
            return
        bounds = bounds_of(op)
        for form, value in ((found, 1), (found.negated, 0)):
            if always(form.form, bounds):
                rewriter.replace(op, ConstantOp(IntegerAttr(value, i1)))
                return


class Remainder(RewritePattern):
    """``(b * S + j) floordiv S -> b`` and ``mod -> j`` for j < S."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if kind(op) not in ("floordiv", "mod"):
            return
        a, by = map(index_expr, op.args)
        bounds = bounds_of(op)
        if a is None or by is None or not always(by - 1, bounds):
            return
        result = a.floordiv(by, bounds) if kind(op) == "floordiv" else a.mod(by, bounds)
        if any(isinstance(atom, Call) for m, _ in result.terms for atom in m):
            return
        index = IndexOp(result, list(bounds))
        if not may_lose(op.result, dims_of(index.result.type)):
            return
        new: list[Operation] = [index]
        if element_of(op.result.type) != IndexType():
            new.append(build("cast", index.result, to=element_of(op.result.type), order=list(bounds)))
        rewriter.replace(op, new)


class Plain(RewritePattern):
    """``x and true -> x``, ``select(true, a, b) -> a``, ``i + 0 -> i``, and their like."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        kept = self.kept(op)
        if kept is None or element_of(kept.type) != element_of(op.result.type):
            return
        if set(dims_of(kept.type)) == set(dims_of(op.result.type)) or may_lose(op.result, dims_of(kept.type)):
            rewriter.replace(op, [], [kept])

    @staticmethod
    def kept(op: PointwiseOp) -> SSAValue | None:
        match kind(op):
            case "and" | "or" as name:
                for x, y in (op.args, op.args[::-1]):
                    if (known := truth(x)) is not None:
                        return y if known == (name == "and") else x
            case "select" if (known := truth(op.args[0])) is not None:
                return op.args[1] if known else op.args[2]
            case "add" | "sub" if index_expr(op.args[1]) == Expr(()):
                return op.args[0]
            case _:
                pass
        return None


class Direct(RewritePattern):
    """A gather at an index that is an expression, proved inside the tensor, is a plain load."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LoadOp, rewriter: PatternRewriter) -> None:
        bounds = bounds_of(op)
        index: list[Expr | SSAValue] = []
        for entry, extent in zip(op.index, type_of(op.source).shape, strict=True):
            found = index_expr(entry) if isinstance(entry, SSAValue) else None
            inside = found is not None and always(found, bounds) and always(extent - found - 1, bounds)
            index.append(found if found is not None and inside else entry)
        if index == list(op.index):
            return
        new = LoadOp(op.source, index, list(bounds), op.mask)
        if set(dims_of(new.result.type)) == set(dims_of(op.result.type)) or may_lose(op.result, dims_of(new.result.type)):
            rewriter.replace(op, new)
        else:
            new.erase()


class Chosen(RewritePattern):
    """``x + cast(select(c, 0, n)) -> select(c, x, x + n)``: numbers take the type of what they meet, and no other."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if kind(op) != "add":
            return
        order = list(bounds_of(op))
        for x, chosen in (op.args, op.args[::-1]):
            inner = chosen.owner
            if isinstance(inner, PointwiseOp) and kind(inner) == "cast":
                inner = inner.args[0].owner
            if not isinstance(inner, PointwiseOp) or kind(inner) != "select" or is_number(x.type):
                continue
            if not all(is_number(a.type) for a in inner.args[1:]) or not set(dims_of(inner.result.type)) <= set(dims_of(x.type)):
                continue
            sums = [None if is_zero(n) else build("add", x, n, order=order) for n in inner.args[1:]]
            values = [x if s is None else s.result for s in sums]
            new = [s for s in sums if s is not None]
            rewriter.replace(op, [*new, build("select", inner.args[0], *values, order=order)])
            return


def is_zero(value: SSAValue) -> bool:
    op = value.owner
    return isinstance(op, ConstantOp) and isinstance(op.value, FloatAttr) and op.value.value.data == 0


class Retype(RewritePattern):
    """What an operand lost, the result loses too."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp | LoadOp, rewriter: PatternRewriter) -> None:
        order = list(bounds_of(op))
        if isinstance(op, LoadOp):
            new: PointwiseOp | LoadOp = LoadOp(op.source, op.index, order, op.mask)
        else:
            new = build(op.ROW.name, *op.args, to=element_of(op.result.type) if kind(op) == "cast" else None, order=order)
        if new.results[0].type != op.results[0].type:
            rewriter.replace(op, new)
        else:
            new.erase()


@dataclass(frozen=True)
class FoldIndicesPass(ModulePass):
    """Decide what index arithmetic and extents decide."""

    name = "fold-indices"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns: list[RewritePattern] = [Compare(), Remainder(), Plain(), Direct(), Chosen(), Retype()]
        walker = PatternRewriteWalker(GreedyRewritePatternApplier(patterns, dce_enabled=True))
        for kernel in list(op.walk()):
            if isinstance(kernel, KernelOp):
                walker.rewrite_region(kernel.body)
