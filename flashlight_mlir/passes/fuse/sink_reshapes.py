"""Move a reshape that merges axes behind the pointwise ops that read it, so that the axes stay apart.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S, 4, 32 : f32>, %y: !tensor_ext.tensor<B, S, 4 : f32>) -> !tensor_ext.tensor<B, S * 4 : f32> {
      %0 = tensor_ext.reduce sum %x over [3] : !tensor_ext.tensor<B, S, 4 : f32>
      %1 = tensor_ext.reshape %0 : !tensor_ext.tensor<B, S * 4 : f32>
      %2 = tensor_ext.reshape %y : !tensor_ext.tensor<B, S * 4 : f32>
      %3 = pointwise.mul %1, %2 : !tensor_ext.tensor<B, S * 4 : f32>
      func.return %3 : !tensor_ext.tensor<B, S * 4 : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S, 4, 32 : f32>, %y: !tensor_ext.tensor<B, S, 4 : f32>) -> !tensor_ext.tensor<B, S * 4 : f32> {
      %0 = tensor_ext.reduce sum %x over [3] : !tensor_ext.tensor<B, S, 4 : f32>
      %1 = pointwise.mul %0, %y : !tensor_ext.tensor<B, S, 4 : f32>
      %2 = tensor_ext.reshape %1 : !tensor_ext.tensor<B, S * 4 : f32>
      func.return %2 : !tensor_ext.tensor<B, S * 4 : f32>
    }

A kernel names the axes of its result: a merged one is a single dim, in which a tile would cover parts of several rows.
Refuses when: the operand behind the reshape is no result of a reduction or contraction (a load can be at any index), or the
reshape also splits an axis.
Source: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.pointwise import PointwiseOp, build
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.expr import Expr


def merges(source: Sequence[Expr], result: Sequence[Expr]) -> bool:
    """Each axis of ``result`` is a product of consecutive axes of ``source``."""
    rest = list(source)
    for size in result:
        product = Expr.of(1)
        while product != size:
            if not rest:
                return False
            product = product * rest.pop(0)
    return all(n == Expr.of(1) for n in rest)


def finer(op: PointwiseOp, computed: set[SSAValue]) -> tuple[Expr, ...] | None:
    """The shape behind a merging reshape of something computed that ``op`` reads."""
    for value in op.args:
        view = value.owner
        if isinstance(view, T.ReshapeOp) and view.source in computed:
            source, result = T.type_of(view.source).shape, view.result.type.shape
            if len([n for n in source if n != Expr.of(1)]) > len(result) and merges(source, result):
                return source
    return None


def sink(op: PointwiseOp, shape: tuple[Expr, ...], computed: set[SSAValue]) -> None:
    """``op`` at ``shape``, then the reshape."""
    before = InsertPoint.before(op)

    def at_shape(value: SSAValue) -> SSAValue:
        if not isinstance(value.type, T.TensorType):
            return value
        if isinstance(value.owner, T.ReshapeOp) and T.type_of(value.owner.source).shape == shape:
            return value.owner.source
        view = T.ReshapeOp(value, shape)
        view.location = op.location
        Rewriter.insert_op(view, before)
        return view.result

    new = build(op.ROW.name, *map(at_shape, op.args), to=element_of(op.result.type))
    view = T.ReshapeOp(new.results[0], T.type_of(op.result).shape)
    new.location = view.location = op.location
    view.result.name_hint = op.result.name_hint
    Rewriter.replace_op(op, [new, view], [view.result])
    computed |= {new.results[0], view.result}


def sink_all(block: Block) -> None:
    """In order: a reshape that has moved is found by the next op."""
    computed: set[SSAValue] = set()
    for op in list(block.ops):
        if isinstance(op, T.ReduceOp | T.ContractOp) or (op.results and computed.intersection(op.operands)):
            computed.update(op.results)
        if isinstance(op, PointwiseOp) and isinstance(op.result.type, T.TensorType) and (shape := finer(op, computed)):
            sink(op, shape, computed)
    for op in reversed(list(block.ops)):
        if isinstance(op, T.ReshapeOp) and not op.result.uses:
            Rewriter.erase_op(op)


@dataclass(frozen=True)
class SinkReshapesPass(ModulePass):
    """Move reshapes that merge axes behind the pointwise ops that read them."""

    name = "sink-reshapes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.walk():
            if isinstance(function, FuncOp) and not function.is_declaration:
                for block in function.body.blocks:
                    sink_all(block)
