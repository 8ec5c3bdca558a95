"""Tensors made from nothing: numbers, and coordinates."""

from __future__ import annotations

from typing import Any

import torch
from xdsl.ir import SSAValue

from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend.builder import ONE, Number, Value, shape_of
from flashlight_mlir.frontend.handlers import Context, Unsupported, handles, value


def _filled(c: Context, fill: Any) -> Value:
    if isinstance(fill, Expr):
        return c.b.tensor(fill, c.dtype, c.shape)
    if isinstance(fill, Number):
        fill = fill.value
    if not isinstance(fill, bool | int | float):
        return c.b.tensor(fill, c.dtype, c.shape)
    kind = bool if c.dtype == torch.bool else float if c.dtype.is_floating_point else int
    return c.number(kind(fill))


@handles("full.default", "full_like.default", "new_full.default", "fill.Scalar", "fill.Tensor")
def full(c: Context, _: Any, *rest: Any, **__: Any) -> Value:
    return _filled(c, rest[-1])


@handles("scalar_tensor.default")
def scalar_tensor(c: Context, fill: Any, **_: Any) -> Value:
    return _filled(c, fill)


@handles("zeros.default", "zeros_like.default", "new_zeros.default", "empty.memory_format", "empty_like.default")
def zeros(c: Context, *_: Any, **__: Any) -> Value:
    return c.number(0)


@handles("ones.default", "ones_like.default", "new_ones.default")
def ones(c: Context, *_: Any, **__: Any) -> Value:
    return c.number(1)


def _counted(c: Context, start: Any, step: Any) -> SSAValue:
    count = c.b.iota(0, c.shape, torch.int64 if c.dtype.is_floating_point else c.dtype)
    out = count if step == 1 else c.b.pointwise("mul", count, value(step), dtype=c.dtype)
    return c.b.cast(out, c.dtype) if start == 0 else c.b.pointwise("add", out, value(start), dtype=c.dtype)


@handles("arange.default")
def arange(c: Context, end: Any, **_: Any) -> SSAValue:
    return _counted(c, 0, 1)


@handles("arange.start")
def arange_start(c: Context, start: Any, end: Any, **_: Any) -> SSAValue:
    return _counted(c, start, 1)


@handles("arange.start_step")
def arange_step(c: Context, start: Any, end: Any, step: Any = 1, **_: Any) -> SSAValue:
    return _counted(c, start, step)


@handles("prims.iota.default")
def iota(c: Context, length: Any, *, start: Any = 0, step: Any = 1, **_: Any) -> SSAValue:
    return _counted(c, start, step)


@handles("eye.default", "eye.m")
def eye(c: Context, *_: Any, **__: Any) -> SSAValue:
    return c.b.cast(c.b.pointwise("eq", c.b.iota(0, c.shape), c.b.iota(1, c.shape)), c.dtype)


def _triangle(c: Context, x: Value, diagonal: Any, row: str) -> SSAValue:
    shape = c.shape
    if len(shape) < 2 or isinstance(diagonal, Expr):
        raise Unsupported
    i, j = c.b.iota(0, (shape[-2], ONE)), c.b.iota(0, (shape[-1],))
    if diagonal:
        i = c.b.pointwise("add", i, Number(diagonal))
    if isinstance(x, Number) and c.dtype == torch.bool and x.value:
        return c.b.broadcast(c.b.pointwise(row, j, i), shape)
    zero = Number(False if c.dtype == torch.bool else 0)
    kept = c.b.pointwise(row, j, i)
    x = x if isinstance(x, Number) else c.b.tensor(x)
    assert shape_of(x) == shape
    return c.b.pointwise("select", kept, x, zero, dtype=c.dtype)


@handles("tril.default")
def tril(c: Context, x: Value, diagonal: Any = 0) -> SSAValue:
    return _triangle(c, x, diagonal, "le")


@handles("triu.default")
def triu(c: Context, x: Value, diagonal: Any = 0) -> SSAValue:
    return _triangle(c, x, diagonal, "ge")
