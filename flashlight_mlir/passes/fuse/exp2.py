"""Exponentials as powers of two, with constant scales folded into the conversion: one multiply-add for each score.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, 16 : f16>, %y: !tensor_ext.tensor<64, 16 : f16>) -> !tensor_ext.tensor<B : f32> {
      %r = loop.kernel @k0(%X = %x, %Y = %y) dims [b = B, j = 64, d = 16] {
        %c = arith.constant 0.125 : f64
        %q = loop.load %X[b, d] : !loop.tile<b, d : f16>
        %k = loop.load %Y[j, d] : !loop.tile<j, d : f16>
        %0 = loop.contract %q, %k over [d] : !loop.tile<b, j : f32>
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
    func.func @f(%x: !tensor_ext.tensor<B, 16 : f16>, %y: !tensor_ext.tensor<64, 16 : f16>) -> !tensor_ext.tensor<B : f32> {
      %r = loop.kernel @k0(%X = %x, %Y = %y) dims [b = B, j = 64, d = 16] {
        %q = loop.load %X[b, d] : !loop.tile<b, d : f16>
        %k = loop.load %Y[j, d] : !loop.tile<j, d : f16>
        %0 = loop.contract %q, %k over [d] : !loop.tile<b, j : f32>
        %1 = arith.constant 0.18033688011112042 : f64
        %2 = pointwise.mul %0, %1 : !loop.tile<b, j : f32>
        %3 = loop.reduce max %0 over [j] : !loop.tile<b : f32>
        %4 = pointwise.mul %3, %1 : !loop.tile<b : f32>
        %5 = pointwise.sub %2, %4 : !loop.tile<b, j : f32>
        %6 = pointwise.exp2 %5 : !loop.tile<b, j : f32>
        %7 = loop.reduce sum %6 over [j] : !loop.tile<b : f32>
        loop.store %7, 0[b]
      } : !tensor_ext.tensor<B : f32>
      func.return %r : !tensor_ext.tensor<B : f32>
    }

With 0 < c < ∞: ``exp(a - b) = exp2(a·log₂e - b·log₂e)``, ``max(c·f) = c·max f``, and ``select(k, c·f, -∞) = c·select(k, f, -∞)``.
A fold carries its maximum as the rounded ``m·log₂e``, and scores and rescaling subtract that same number: an exponential at the
maximum is 2⁰ up to the rounding of one product, and a unit that does not move rescales by exactly 1.
A kernel that reads its maximum for more than exponentials (log-sum-exp does) keeps its unit, which a rounded m·log₂e would spoil
by |m| ulp: there ``exp(x) = exp2(x·log₂e)``, one multiply more for each score.
A finite mask (``finfo.min``) stays finite in this unit (``far_masks.py``), else that kernel too keeps its unit;
so does one that loads what may be such a mask.
A score divided by a constant is multiplied by its reciprocal, so that the scale folds too.
``exp2(a·log₂e - b·log₂e)`` is off by |b| ulp of f32 where ``exp(a - b)`` is off by one: nothing beside 16-bit factors. A kernel
without a contraction of such factors keeps ``exp``, which does not bound its speed: memory, or contractions in f32, do.
Refuses when: no contraction has 16-bit factors; a scale is no positive constant: it stays a multiply of its own.
Source: law N3.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

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
from xdsl.rewriter import Rewriter
from xdsl.transforms.common_subexpression_elimination import cse
from xdsl.transforms.dead_code_elimination import region_dce

from flashlight_mlir.dialects.loop import ContractOp, FoldOp, KernelOp, ReduceOp, YieldOp
from flashlight_mlir.dialects.loop.kernel import kernel_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, build, kind, number
from flashlight_mlir.dialects.syntax import element_of, is_float
from flashlight_mlir.passes.fuse.far_masks import bring_nearer, loads_far
from flashlight_mlir.passes.fuse.rescale import LOG2E, Rescale, scaled


class LiftFromSelect(RewritePattern):
    """``select(k, c·f, v) -> c · select(k, f, v)`` for v = 0 or ±∞."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if kind(op) != "select":
            return
        for at, other in ((1, 2), (2, 1)):
            found, fixed = scaled(op.args[at]), number(op.args[other])
            if found is None or fixed is None or (isfinite(fixed) and fixed != 0):
                continue
            args = list(op.args)
            args[at] = found[0]
            order = list(kernel_of(op).dims)
            inner = build("select", *args, order=order)
            rewriter.replace(op, [inner, build("mul", inner.result, found[1], order=order)])
            return


class LiftFromReduce(RewritePattern):
    """``max(c·f) -> c · max f``, and so for min."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReduceOp, rewriter: PatternRewriter) -> None:
        found = scaled(op.source)
        if found is None or op.kind.data not in ("max", "min"):
            return
        inner = ReduceOp(op.kind.data, found[0], op.dims)
        rewriter.replace(op, [inner, build("mul", inner.result, found[1], order=list(kernel_of(op).dims))])


def is_coarse(op: Operation) -> bool:
    """A contraction of 16-bit factors."""
    return isinstance(op, ContractOp) and any(element_of(side.type).bitwidth == 16 for side in op.operands)  # type: ignore[attr-defined]


def is_score(value: SSAValue) -> bool:
    """Computed elementwise from such a contraction."""
    op = value.owner
    return isinstance(op, Operation) and (is_coarse(op) or (isinstance(op, PointwiseOp) and any(map(is_score, op.args))))


class DivideByScale(RewritePattern):
    """``s / c -> s · (1/c)`` for a score s."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if kind(op) != "div" or not is_score(op.args[0]):
            return
        constant = number(op.args[1])
        if constant is not None and 0 < constant < inf and 0 < 1 / constant < inf:
            scale = ConstantOp(FloatAttr(1 / constant, f64))
            rewriter.replace(op, [scale, build("mul", op.args[0], scale.result, order=list(kernel_of(op).dims))])


def to_exp2(kernel: KernelOp) -> None:
    """``exp(a ± b) -> exp2(a·log₂e ± b·log₂e)`` everywhere in the kernel."""
    rescale = Rescale(kernel)
    for op in list(kernel.body.walk()):
        if not isinstance(op, PointwiseOp) or kind(op) != "exp" or not is_float(op.result.type):
            continue
        inner = op.args[0].owner
        new: list[Operation] = []
        if isinstance(inner, PointwiseOp) and kind(inner) in ("sub", "add"):
            new.append(build(inner.ROW.name, *map(rescale.of, inner.args), order=rescale.order))
            power = new[0].results[0]
        else:
            power = rescale.of(op.args[0])
        new.append(build("exp2", power, order=rescale.order))
        for o in new:
            o.location = op.location
        Rewriter.replace_op(op, new)
    for op in list(kernel.body.walk()):  # x = ±∞ iff x·log₂e is
        if isinstance(op, PointwiseOp) and kind(op) in ("eq", "ne"):
            for at, other in ((0, 1), (1, 0)):
                if op.args[at] in rescale.scaled and number(op.args[other]) in (inf, -inf):
                    op.operands[at] = rescale.of(op.args[at])
                    break
    rescale.settle()


def reads_maximum(kernel: KernelOp) -> bool:
    """A maximum, or a fold's state that starts at ∓∞, is read by more than exponentials."""
    maxima: list[SSAValue] = []
    for op in kernel.body.walk():
        if isinstance(op, ReduceOp) and op.kind.data in ("max", "min"):
            maxima.append(op.result)
        if isinstance(op, FoldOp):
            maxima += [r for r, start in zip(op.results, op.init, strict=True) if number(start) in (inf, -inf)]
    return any(_is_read(v, set()) for v in maxima)


def _is_read(value: SSAValue, seen: set[SSAValue]) -> bool:
    if value in seen:
        return False
    seen.add(value)
    for use in value.uses:
        op = use.operation
        if isinstance(op, YieldOp | FoldOp) or (isinstance(op, PointwiseOp) and kind(op) in ("eq", "ne")):
            continue
        if not isinstance(op, PointwiseOp):
            return True
        result = op.results[0]
        if kind(op) in ("sub", "add") and all(w.operation.name == "pointwise.exp" for w in result.uses):
            continue
        if kind(op) not in ("select", "max", "min", "mul") or _is_read(result, seen):
            return True
    return False


def to_plain_exp2(kernel: KernelOp) -> None:
    """``exp(x) -> exp2(x·log₂e)``."""
    order = list(kernel.dims)
    for op in list(kernel.body.walk()):
        if isinstance(op, PointwiseOp) and kind(op) == "exp" and is_float(op.result.type):
            factor = ConstantOp(FloatAttr(LOG2E, f64))
            power = build("mul", op.args[0], factor.result, order=order)
            new = [factor, power, build("exp2", power.result, order=order)]
            for o in new:
                o.location = op.location
            Rewriter.replace_op(op, new)


@dataclass(frozen=True)
class Exp2Pass(ModulePass):
    """Exponentials as powers of two, scales folded into the conversion."""

    name = "exp2"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns: list[RewritePattern] = [DivideByScale(), LiftFromSelect(), LiftFromReduce()]
        for kernel in list(op.walk()):
            if isinstance(kernel, KernelOp) and any(map(is_coarse, kernel.body.walk())):
                if reads_maximum(kernel) or loads_far(kernel) or not bring_nearer(kernel):
                    to_plain_exp2(kernel)
                else:
                    PatternRewriteWalker(GreedyRewritePatternApplier(patterns, dce_enabled=True)).rewrite_region(kernel.body)
                    to_exp2(kernel)
                region_dce(kernel.body)
                cse(kernel)
