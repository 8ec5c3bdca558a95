"""Gathers: an axis indexed by a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from xdsl.ir import SSAValue

from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend.aten_views import cut
from flashlight_mlir.frontend.builder import ONE, Number, Value, broadcast_shape, defining, dtype_of, numel, shape_of
from flashlight_mlir.frontend.handlers import Context, Unsupported, handles


def _nonnegative(x: SSAValue) -> bool:
    """Positions made of iota by views, casts, sums, products and quotients."""
    match defining(x):
        case tx.IotaOp():
            return True
        case tx.ReshapeOp() | tx.TransposeOp() | tx.BroadcastOp() | tx.SliceOp() as view:
            return isinstance(view.source.type, tx.TensorType) and _nonnegative(view.source)
        case _:
            return False


def _consecutive(at: SSAValue) -> Expr | None:
    """The first of positions that count up by one."""
    match defining(at):
        case tx.IotaOp() if len(shape_of(at)) == 1:
            return Expr.of(0)
        case _:
            return None


def _wrapped(c: Context, at: SSAValue, size: Expr) -> SSAValue:
    """Negative positions count from the end."""
    if _nonnegative(at) or dtype_of(at) == torch.uint8:
        return at
    return c.b.pointwise("select", c.b.pointwise("lt", at, Number(0)), c.b.pointwise("add", at, size), at)


def take(c: Context, x: SSAValue, axis: int, at: SSAValue) -> SSAValue:
    """Consecutive positions are a slice."""
    if (start := _consecutive(at)) is not None:
        return cut(c, x, axis, start, 1, shape_of(at)[0])
    return c.b.emit(tx.TakeOp(x, axis, at))


@handles("embedding.default")
def embedding(c: Context, table: Value, ids: Value, *_: Any, **__: Any) -> SSAValue:
    return take(c, c.b.tensor(table), 0, c.b.tensor(ids))


@handles("index_select.default")
def index_select(c: Context, x: Value, dim: int, at: Value) -> SSAValue:
    x, at = c.b.tensor(x), c.b.tensor(at)
    if not shape_of(at):
        at = c.b.reshape(at, (ONE,))
    return take(c, x, dim % len(shape_of(x)), at)


@handles("index.Tensor", "_unsafe_index.Tensor")
def index(c: Context, x: Value, indices: Sequence[Value | None]) -> SSAValue:
    x = c.b.tensor(x)
    given = [(axis, c.b.tensor(i)) for axis, i in enumerate(indices) if i is not None]
    axes = [axis for axis, _ in given]
    if any(dtype_of(i) == torch.bool for _, i in given) or axes != list(range(axes[0], axes[0] + len(axes))):
        raise Unsupported
    shape, (first, at) = shape_of(x), given[0]
    at = _wrapped(c, at, shape[first])
    for axis, i in given[1:]:  # several adjacent axes: one axis of their row-major positions
        at = c.b.pointwise("mul", at, shape[axis])
        at = c.b.pointwise("add", at, _wrapped(c, i, shape[axis]), dtype=torch.int64)
    merged = (*shape[:first], numel(shape[first : first + len(axes)]), *shape[first + len(axes) :])
    at = c.b.broadcast(at, broadcast_shape([shape_of(i) for _, i in given]))
    return take(c, c.b.reshape(x, merged), first, at)


@handles("gather.default")
def gather(c: Context, x: Value, dim: int, at: Value, **_: Any) -> SSAValue:
    """One position a row of a computed tensor is ``Σ_j select(j = t, x_j, 0)``; of a stored one, a read."""
    x, at = c.b.tensor(x), c.b.tensor(at)
    shape, own = shape_of(x), shape_of(at)
    if not shape:
        return x
    axis = dim % len(shape)
    rest = all(a == b for k, (a, b) in enumerate(zip(shape, own, strict=True)) if k != axis)
    if rest and own[axis] == ONE and not _stored(x):
        hit = c.b.pointwise("eq", c.b.iota(axis, shape), at, dtype=torch.int64)
        zero = Number(False if dtype_of(x) == torch.bool else 0)
        kind = "any" if dtype_of(x) == torch.bool else "sum"
        return c.b.reduce(kind, c.b.pointwise("select", hit, x, zero, dtype=dtype_of(x)), [axis], keepdim=True)
    position: Value = Number(0)
    for k, size in enumerate(shape):
        coordinate = at if k == axis else c.b.iota(k, own)
        scaled = coordinate if position == Number(0) else c.b.pointwise("mul", position, size, dtype=torch.int64)
        position = scaled if position == Number(0) else c.b.pointwise("add", scaled, coordinate, dtype=torch.int64)
    assert isinstance(position, SSAValue)
    return take(c, c.b.reshape(x, (numel(shape),)), 0, position)


def _stored(x: SSAValue) -> bool:
    """An argument of the function, or a view of one."""
    match defining(x):
        case None:
            return True
        case tx.ReshapeOp() | tx.TransposeOp() | tx.SliceOp() | tx.BroadcastOp() as view:
            return isinstance(view.source.type, tx.TensorType) and _stored(view.source)
        case _:
            return False
