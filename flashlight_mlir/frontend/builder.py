"""Emits tensor-level ops: casts, broadcasts and views that cancel on the spot, so that handlers stay one-liners.

A value while importing is an SSA value, a ``Number`` (a tensor that holds one value everywhere, or a scalar), an ``Expr``
(a size), or a list of values (of an op with several results).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce as fold
from typing import Any

import torch
from xdsl.dialects import arith
from xdsl.dialects.builtin import Float64Type, FloatAttr, IndexType, IntegerAttr, LocationAttr, UnknownLoc, i1
from xdsl.ir import Attribute, Block, Operation, SSAValue

from flashlight_mlir.dialects import pointwise as pw
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.expr import Call, Expr
from flashlight_mlir.frontend.dtypes import DTYPES, element

Shape = tuple[Expr, ...]


@dataclass(frozen=True)
class Number:
    """The same ``value`` everywhere; without a ``dtype`` it is a Python scalar."""

    value: float | int | bool
    dtype: torch.dtype | None = None
    shape: Shape = ()


Value = SSAValue | Number | Expr
ONE = Expr.of(1)


def shape_of(x: Value) -> Shape:
    if isinstance(x, Expr):
        return ()
    return x.shape if isinstance(x, Number) else tx.type_of(x).shape


def dtype_of(x: SSAValue) -> torch.dtype:
    return DTYPES[tx.type_of(x).element_type]


def numel(shape: Sequence[Expr]) -> Expr:
    return fold(lambda a, b: a * b, shape, ONE)


def defining(x: SSAValue) -> Operation | None:
    return x.owner if isinstance(x.owner, Operation) else None


def squeezed(x: SSAValue) -> SSAValue | None:
    """``y`` if ``x`` is ``y`` with axes of size 1 inserted, and ``y`` has none itself."""
    if not isinstance(op := defining(x), tx.ReshapeOp):
        return None
    return op.source if shape_of(op.source) == tuple(n for n in shape_of(x) if n != ONE) else None


class Builder:
    def __init__(self, block: Block):
        self.block = block
        self.location: LocationAttr = UnknownLoc()
        self.relations: dict[tuple[Expr, Expr], None] = {}
        """Sizes that torch found equal although they are spelled in two ways."""
        self._constants: dict[tuple[Attribute, str], SSAValue] = {}

    def emit(self, op: Operation) -> SSAValue:
        op.location = self.location
        self.block.add_op(op)
        return op.results[0]

    def emit_last(self, op: Operation) -> None:
        op.location = self.location
        self.block.add_op(op)

    # Values.

    def constant(self, value: float | int | bool, dtype: torch.dtype) -> SSAValue:
        """``arith.constant`` of the kind that meets tensors of ``dtype``: f64, index or i1."""
        if dtype == torch.bool:
            attribute: FloatAttr | IntegerAttr[Any] = IntegerAttr(int(bool(value)), i1)
        elif dtype.is_floating_point:
            attribute = FloatAttr(float(value), Float64Type())
        else:
            attribute = IntegerAttr(int(value), IndexType())
        key = attribute.type, repr(attribute.value.data)
        if key not in self._constants:
            self._constants[key] = self.emit(arith.ConstantOp(attribute))
        return self._constants[key]

    def size(self, size: Expr) -> SSAValue | Number:
        """A size as a value: a number, or ``Σ 1`` over as many elements; a difference of sizes may be negative."""
        if size.constant is not None:
            return Number(size.constant)
        if not size.is_nonnegative({}):
            more, less = (Expr.total((m, sign * n) for m, n in size.terms if sign * n > 0) for sign in (1, -1))
            if less.terms:
                return self.pointwise("sub", self.tensor(more, torch.int64), self.tensor(less, torch.int64))
        ones = self.fill(1, (size,), torch.int64)
        return self.emit(tx.ReduceOp("sum", ones, [0]))

    def fill(self, value: float | int | bool, shape: Shape, dtype: torch.dtype) -> SSAValue:
        scalar = self.constant(value, dtype)
        op = tx.BroadcastOp.create(
            operands=[scalar],
            properties=tx.BroadcastOp(scalar, [], shape).properties,
            result_types=[tx.tensor(shape, element(dtype))],
        )
        return self.emit(op)

    def tensor(self, x: Value, dtype: torch.dtype | None = None, shape: Shape | None = None) -> SSAValue:
        """``x`` as a tensor value, of ``dtype`` and broadcast to ``shape`` if they are given."""
        if isinstance(x, Expr):
            return self.tensor(self.size(x), dtype, shape)
        if isinstance(x, Number):
            own = x.dtype or torch.result_type(torch.empty((), dtype=torch.int64), x.value)
            return self.fill(x.value, x.shape if shape is None else shape, dtype or own)
        x = x if dtype is None else self.cast(x, dtype)
        return x if shape is None else self.broadcast(x, shape)

    # Pointwise.

    def cast(self, x: SSAValue, dtype: torch.dtype) -> SSAValue:
        if dtype_of(x) == dtype:
            return x
        if dtype == torch.bool:
            return self.pointwise("ne", x, Number(0))
        if (source := squeezed(x)) is not None:
            return self.reshape(self.cast(source, dtype), shape_of(x))
        return self.emit(pw.build("cast", x, to=element(dtype)))

    def pointwise(self, name: str, *args: Value, dtype: torch.dtype | None = None) -> SSAValue:
        """Op ``name`` on operands cast to ``dtype`` (that of the first tensor, if not given) and broadcast."""
        args = tuple(self.size(a) if isinstance(a, Expr) else a for a in args)
        shape = broadcast_shape([shape_of(a) for a in args])
        typed = args[1:] if name == "select" else args
        dtype = dtype or next(dtype_of(a) for a in typed if isinstance(a, SSAValue))
        operands: list[SSAValue] = []
        for k, a in enumerate(args):
            want = torch.bool if name == "select" and k == 0 else dtype
            operands.append(self.constant(a.value, want) if isinstance(a, Number) else self.tensor(a, want, shape))
        if not any(isinstance(a, SSAValue) for a in typed):
            operands[-1] = self.tensor(args[-1], dtype, shape)
        narrow = [squeezed(o) if isinstance(o.type, tx.TensorType) else o for o in operands]
        if all(n is not None for n in narrow):  # as on the results of reductions that kept their axes
            return self.reshape(self.emit(pw.build(name, *(n for n in narrow if n is not None))), shape)
        return self.emit(pw.build(name, *operands))

    # Views.

    def reshape(self, x: SSAValue, shape: Shape) -> SSAValue:
        while isinstance(op := defining(x), tx.ReshapeOp) and shape_of(x) != shape:
            x = op.source
        if shape_of(x) == shape:
            return x
        self.relate(numel(shape_of(x)), numel(shape))
        return self.emit(tx.ReshapeOp(x, shape))

    def relate(self, a: Expr, b: Expr) -> None:
        if a != b:
            self.relations[a, b] = None

    def transpose(self, x: SSAValue, permutation: Sequence[int]) -> SSAValue:
        if isinstance(op := defining(x), tx.TransposeOp):
            return self.transpose(op.source, [op.axes[p] for p in permutation])
        if list(permutation) == list(range(len(permutation))):
            return x
        if (source := squeezed(x)) is not None:  # axes of size 1 are put back after the transposition
            shape = shape_of(x)
            moved = [p for p in permutation if shape[p] != ONE]
            inner = self.transpose(source, [sorted(moved).index(p) for p in moved])
            return self.reshape(inner, tuple(shape[p] for p in permutation))
        return self.emit(tx.TransposeOp(x, permutation))

    def broadcast(self, x: SSAValue, shape: Shape) -> SSAValue:
        """As torch broadcasts: axes are aligned at the right, and axes of size 1 repeat."""
        own = shape_of(x)
        if own == shape:
            return x
        offset = len(shape) - len(own)
        own = tuple(n if n == ONE else shape[k + offset] for k, n in enumerate(own))
        for a, b in zip(shape_of(x), own, strict=True):
            self.relate(a, b)
        x = self.reshape(x, own)
        if own == shape:
            return x
        kept = [k for k, n in enumerate(own) if n == shape[k + offset]]
        x = self.reshape(x, tuple(own[k] for k in kept))
        along = [k + offset for k in kept]
        match defining(x):
            case tx.BroadcastOp() as inner:
                return self.emit(self._along(inner.source, [along[a] for a in inner.axes], shape, x))
            case tx.IotaOp() as iota:
                return self.emit(tx.IotaOp(along[iota.axis.value.data], tx.tensor(shape, tx.type_of(x).element_type)))
            case _:
                return self.emit(tx.BroadcastOp(x, along, shape))

    @staticmethod
    def _along(source: SSAValue, along: Sequence[int], shape: Shape, like: SSAValue) -> tx.BroadcastOp:
        op = tx.BroadcastOp(source, along, shape)
        return tx.BroadcastOp.create(
            operands=[source], properties=op.properties, result_types=[tx.tensor(shape, tx.type_of(like).element_type)]
        )

    def iota(self, axis: int, shape: Shape, dtype: torch.dtype = torch.int64) -> SSAValue:
        return self.emit(tx.IotaOp(axis, tx.tensor(shape, element(dtype))))

    # Reductions.

    def reduce(self, kind: str, x: SSAValue, axes: Sequence[int], keepdim: bool = False) -> SSAValue:
        shape = shape_of(x)
        result = self.emit(tx.ReduceOp(kind, x, axes)) if axes else x
        if keepdim and axes:
            result = self.reshape(result, tuple(ONE if k in axes else n for k, n in enumerate(shape)))
        return result


def _has_calls(size: Expr) -> bool:
    return any(isinstance(atom, Call) for monomial, _ in size.terms for atom in monomial)


def broadcast_shape(shapes: Sequence[Shape]) -> Shape:
    """The shape that all broadcast to; sizes that torch found compatible differ only where one of them is 1.

    Of two ways to spell a size, the one without ``min``, ``max`` or a division is what other tensors have.
    """
    rank = max(map(len, shapes), default=0)
    out = [ONE] * rank
    for shape in shapes:
        for k, n in enumerate(shape):
            at = rank - len(shape) + k
            if n != ONE and (out[at] == ONE or not _has_calls(n) or _has_calls(out[at])):
                out[at] = n
    return tuple(out)
