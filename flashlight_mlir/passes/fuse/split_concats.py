"""Split what is computed from a concatenation with a short part, where a reduction or a slice takes the parts apart again.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>, %y: !tensor_ext.tensor<B, 1 : f32>) -> !tensor_ext.tensor<B : f32> {
      %0 = tensor_ext.concat %x, %y axis 1 : !tensor_ext.tensor<B, S + 1 : f32>
      %1 = pointwise.exp %0 : !tensor_ext.tensor<B, S + 1 : f32>
      %2 = tensor_ext.reduce sum %1 over [1] : !tensor_ext.tensor<B : f32>
      func.return %2 : !tensor_ext.tensor<B : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>, %y: !tensor_ext.tensor<B, 1 : f32>) -> !tensor_ext.tensor<B : f32> {
      %0 = pointwise.exp %x : !tensor_ext.tensor<B, S : f32>
      %1 = tensor_ext.reduce sum %0 over [1] : !tensor_ext.tensor<B : f32>
      %2 = pointwise.exp %y : !tensor_ext.tensor<B, 1 : f32>
      %3 = tensor_ext.reduce sum %2 over [1] : !tensor_ext.tensor<B : f32>
      %4 = pointwise.add %1, %3 : !tensor_ext.tensor<B : f32>
      func.return %4 : !tensor_ext.tensor<B : f32>
    }

A reduction over A ++ B is the reduction over A combined with that over B. The long part is then an axis like any other, which
merges with the same axis elsewhere, and needs no choice between the parts at each element.
Refuses when: no part is short (both would need a loop of their own), or a view stands between concatenation and reduction.
Source: Bird, An introduction to the theory of lists (1987).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import is_side_effect_free

from flashlight_mlir.analysis.streams import WHOLE_SHORT
from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.pointwise import PointwiseOp, build
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.expr import Expr

MERGE = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "any": "or", "all": "and"}
Span = tuple[Expr, Expr]
"""Where a part of an axis starts, and its size."""


def spans(value: SSAValue, axis: int) -> list[Span]:
    """The parts of the concatenation that ``value`` is computed from, if one of them is short."""
    seen: set[SSAValue] = set()
    stack = [value]
    while stack:
        op = (at := stack.pop()).owner
        if at in seen or not isinstance(at.type, T.TensorType):
            continue
        seen.add(at)
        if isinstance(op, T.ConcatOp) and op.axis.value.data == axis:
            found = list(_spans(op))
            return found if any(n.constant is not None and n.constant <= WHOLE_SHORT for _, n in found) else []
        if isinstance(op, PointwiseOp):
            stack.extend(op.args)
    return []


def _spans(op: T.ConcatOp) -> Iterator[Span]:
    start = Expr.of(0)
    for part in op.parts:
        size = T.type_of(part).shape[op.axis.value.data]
        yield start, size
        start = start + size


@dataclass
class Splitter:
    """Restricts values to a part of an axis; each (value, part) once."""

    made: dict[tuple[SSAValue, int, Span], SSAValue] = field(default_factory=dict[tuple[SSAValue, int, Span], SSAValue])
    user: Operation | None = None

    def add(self, op: Operation) -> SSAValue:
        assert self.user is not None
        op.location = self.user.location
        Rewriter.insert_op(op, InsertPoint.before(self.user))
        return op.results[0]

    def part(self, value: SSAValue, axis: int, span: Span) -> SSAValue:
        """``value`` from ``span``'s start, of its size, along ``axis``."""
        if not isinstance(value.type, T.TensorType):
            return value
        key = (value, axis, span)
        if key not in self.made:
            self.made[key] = self._part(value, axis, span)
        return self.made[key]

    def _part(self, value: SSAValue, axis: int, span: Span) -> SSAValue:
        op, (start, size) = value.owner, span
        if isinstance(op, T.ConcatOp) and op.axis.value.data == axis and span in (all := list(_spans(op))):
            return op.parts[all.index(span)]
        if isinstance(op, PointwiseOp):
            args = [self.part(a, axis, span) for a in op.args]
            return self.add(build(op.ROW.name, *args, to=element_of(op.result.type)))
        if isinstance(op, T.BroadcastOp):
            shape = [size if k == axis else n for k, n in enumerate(op.result.type.shape)]
            source = op.source
            if axis in op.axes and T.type_of(source).shape[inner := op.axes.index(axis)] != Expr.of(1):
                source = self.part(source, inner, span)
            return self.add(T.BroadcastOp(source, op.axes, shape))
        return self.add(T.SliceOp(value, axis, start, 1, size))

    def split(self, op: Operation) -> None:
        """Replace a reduction or a slice of what is computed from a concatenation."""
        self.user = op
        if isinstance(op, T.ReduceOp):
            for axis in op.axes:
                if found := spans(op.source, axis):
                    total: SSAValue | None = None
                    for span in found:
                        piece = self.add(T.ReduceOp(op.kind.data, self.part(op.source, axis, span), op.axes))
                        name = MERGE[op.kind.data]
                        total = piece if total is None else self.add(build(name, total, piece, to=element_of(piece.type)))
                    self._replace(op, total)
                    return
        elif isinstance(op, T.SliceOp) and op.step.value.data == 1:
            axis = op.axis.value.data
            span = (op.start.data, op.result.type.shape[axis])
            if span in spans(op.source, axis):
                self._replace(op, self.part(op.source, axis, span))

    def _replace(self, op: Operation, value: SSAValue | None) -> None:
        assert value is not None
        value.name_hint = value.name_hint or op.results[0].name_hint
        Rewriter.replace_op(op, [], [value])


def split_all(block: Block) -> None:
    splitter = Splitter()
    before = list(block.ops)
    for op in before:
        splitter.split(op)
    for op in reversed(list(block.ops)):
        if splitter.made and op.results and is_side_effect_free(op) and not any(r.first_use for r in op.results):
            Rewriter.erase_op(op)


@dataclass(frozen=True)
class SplitConcatsPass(ModulePass):
    """A reduction over a concatenation with a short part is one over each part."""

    name = "split-concats"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.walk():
            if isinstance(function, FuncOp) and not function.is_declaration:
                for block in function.body.blocks:
                    split_all(block)
