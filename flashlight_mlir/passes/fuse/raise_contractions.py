"""Recognise a contraction in a sum of products whose factors each lack a parallel dim.

Before:
    func.func @f(%x: !tensor_ext.tensor<S, 64 : f32>, %y: !tensor_ext.tensor<T, 64 : f32>) -> !tensor_ext.tensor<S, T : f32> {
      %r = loop.kernel @k0(%X = %x, %Y = %y) dims [i = S, j = T, d = 64] {
        %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
        %1 = loop.load %Y[j, d] : !loop.tile<j, d : f32>
        %2 = pointwise.mul %0, %1 : !loop.tile<i, j, d : f32>
        %3 = loop.reduce sum %2 over [d] : !loop.tile<i, j : f32>
        loop.store %3, 0[i, j]
      } : !tensor_ext.tensor<S, T : f32>
      func.return %r : !tensor_ext.tensor<S, T : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<S, 64 : f32>, %y: !tensor_ext.tensor<T, 64 : f32>) -> !tensor_ext.tensor<S, T : f32> {
      %r = loop.kernel @k0(%X = %x, %Y = %y) dims [i = S, j = T, d = 64] {
        %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
        %1 = loop.load %Y[j, d] : !loop.tile<j, d : f32>
        %2 = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
        loop.store %2, 0[i, j]
      } : !tensor_ext.tensor<S, T : f32>
      func.return %r : !tensor_ext.tensor<S, T : f32>
    }

Refuses when: both factors have every parallel dim (a row-wise product), or the sum is of squared differences, whose expansion
cancels.
Source: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import Float32Type, FloatAttr, ModuleOp, f32
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects.loop import ContractOp, ReduceOp, dims_of
from flashlight_mlir.dialects.loop.kernel import kernel_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, build, kind
from flashlight_mlir.dialects.syntax import element_of, is_float

MOST_FACTORS = 6


def factors(value: SSAValue) -> Iterator[SSAValue]:
    """The factors of a product."""
    if kind(value.owner) == "mul" and isinstance(value.owner, PointwiseOp):
        for arg in value.owner.args:
            yield from factors(arg)
    else:
        yield value


def dims(values: Sequence[SSAValue]) -> set[str]:
    return {d for v in values for d in dims_of(v.type)}


def split(parts: Sequence[SSAValue], over: Sequence[str]) -> tuple[list[SSAValue], list[SSAValue]] | None:
    """The factors in two groups, each with a parallel dim that the other lacks and all of ``over``."""
    for size in range(1, len(parts)):
        for chosen in combinations(range(len(parts)), size):
            left = [parts[k] for k in chosen]
            right = [p for k, p in enumerate(parts) if k not in chosen]
            a, b = dims(left), dims(right)
            if 0 in chosen and set(over) <= a & b and a - b and b - a:
                return left, right
    return None


def squared_difference(value: SSAValue) -> bool:
    """``(a - b)²`` where a and b each lack a dim of the other."""
    op = value.owner
    if not isinstance(op, PointwiseOp):
        return False
    power = op.args[1].owner if op.ROW.name == "pow" else None
    square = op.ROW.name == "mul" and op.args[0] is op.args[1]
    if isinstance(power, ConstantOp) and isinstance(power.value, FloatAttr):
        square = power.value.value.data == 2
    base = op.args[0].owner
    if not square or not isinstance(base, PointwiseOp) or base.ROW.name != "sub":
        return False
    a, b = (set(dims_of(v.type)) for v in base.args)
    return bool(a - b and b - a)


class RaiseContractions(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReduceOp, rewriter: PatternRewriter) -> None:
        if op.kind.data != "sum" or not is_float(op.source.type):
            return
        if squared_difference(op.source):
            text = "a sum of squared differences is no contraction: its expansion cancels where they are close"
            emit(Remark("raise-contractions", text, location_of(op), None, True))
            return
        parts = list(factors(op.source))
        inner = [p for p in parts if dims([p]) & set(op.dims)]
        outer = [p for p in parts if p not in inner]
        found = split(inner, op.dims) if 1 < len(inner) <= MOST_FACTORS else None
        if found is None:
            return
        order = list(kernel_of(op).dims)
        new: list[Operation] = []

        def add(made: Operation) -> SSAValue:
            made.location = op.location
            new.append(made)
            return made.results[0]

        def product(values: Sequence[SSAValue]) -> SSAValue:
            total = values[0]
            for v in values[1:]:
                total = add(build("mul", total, v, order=order))
            return total

        element = element_of(op.source.type)
        sides = [product(side) for side in found]
        result = add(ContractOp(sides[0], sides[1], op.dims, order, element if element.name == "f64" else f32))
        if outer:
            result = product([result, *(v if is_number_like(v) else _wide(v, order, add) for v in outer)])
        if element_of(result.type) != element:
            add(build("cast", result, to=element, order=order))
        rewriter.replace(op, new)


def is_number_like(value: SSAValue) -> bool:
    return element_of(value.type).name == "f64"


def _wide(value: SSAValue, order: Sequence[str], add: Callable[[Operation], SSAValue]) -> SSAValue:
    if isinstance(element_of(value.type), Float32Type):
        return value
    return add(build("cast", value, to=f32, order=order))


@dataclass(frozen=True)
class RaiseContractionsPass(ModulePass):
    """Recognise contractions: sums of products whose factors each lack a parallel dim."""

    name = "raise-contractions"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([RaiseContractions()])).rewrite_module(op)
