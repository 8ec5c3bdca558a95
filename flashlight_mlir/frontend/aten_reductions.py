"""Reductions. Means and variances are quotients of sums: a count is ``Σ 1``, so that it can be folded with the rest."""

from __future__ import annotations

from typing import Any

import torch
from xdsl.ir import SSAValue

from flashlight_mlir.frontend.builder import Number, Value, dtype_of, numel, shape_of
from flashlight_mlir.frontend.dtypes import wide
from flashlight_mlir.frontend.handlers import HANDLERS, Context, Handler, Unsupported, axes_of, handles


def _reduce(kind: str) -> Handler:
    def handler(c: Context, x: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> SSAValue:
        x = c.b.tensor(x, c.dtype)
        return c.b.reduce(_for_bool(kind, c.dtype), x, axes_of(dim, len(shape_of(x))), keepdim)

    return handler


def _for_bool(kind: str, dtype: torch.dtype) -> str:
    return {"max": "any", "min": "all"}.get(kind, kind) if dtype == torch.bool else kind


for _name, _kind in {
    "sum.default": "sum", "sum.dim_IntList": "sum", "prod.default": "prod", "prod.dim_int": "prod", "amax.default": "max",
    "amin.default": "min", "max.default": "max", "min.default": "min", "any.default": "any", "any.dim": "any",
    "any.dims": "any", "all.default": "all", "all.dim": "all", "all.dims": "all",
}.items():  # fmt: skip
    HANDLERS[f"aten.{_name}"] = _reduce(_kind)


@handles("max.dim", "min.dim")
def _with_positions(c: Context, x: Value, dim: int, keepdim: bool = False) -> Any:
    raise Unsupported  # the importer asks ``extremum`` where the positions are not used


def extremum(c: Context, kind: str, x: Value, dim: int, keepdim: bool = False) -> SSAValue:
    """``max.dim`` without its positions."""
    x = c.b.tensor(x)
    return c.b.reduce(_for_bool(kind, dtype_of(x)), x, axes_of(dim, len(shape_of(x))), keepdim)


def _mean(c: Context, x: SSAValue, axes: tuple[int, ...], keepdim: bool) -> tuple[SSAValue, SSAValue]:
    """``(Σ x / Σ 1, Σ 1)``."""
    count = c.b.reduce("sum", c.b.fill(1.0, shape_of(x), dtype_of(x)), axes, keepdim)
    return c.b.pointwise("div", c.b.reduce("sum", x, axes, keepdim), count), count


@handles("mean.default", "mean.dim")
def mean(c: Context, x: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> SSAValue:
    x = c.b.tensor(x, wide(c.dtype))
    return c.b.cast(_mean(c, x, axes_of(dim, len(shape_of(x))), keepdim)[0], c.dtype)


def _var_mean(c: Context, x: Value, dim: Any, correction: Any, keepdim: bool) -> tuple[SSAValue, SSAValue]:
    x = c.b.tensor(x)
    x = c.b.cast(x, wide(dtype_of(x)))
    axes = axes_of(dim, len(shape_of(x)))
    centre, count = _mean(c, x, axes, True)
    offset = c.b.pointwise("sub", x, centre)
    squares = c.b.reduce("sum", c.b.pointwise("mul", offset, offset), axes, keepdim)
    kept = shape_of(squares)
    centre, count = c.b.reshape(centre, kept), c.b.reshape(count, kept)
    correction = 1 if correction is None else correction
    if correction != 0:
        count = c.b.pointwise("sub", count, Number(float(correction)))
        n = numel([shape_of(x)[a] for a in axes]).constant
        if correction > 1 or n == 0:
            count = c.b.pointwise("max", count, Number(0.0))
    return c.b.pointwise("div", squares, count), centre


def _dtype(c: Context) -> torch.dtype:
    return c.meta[0].dtype


@handles("var.correction", "std.correction")
def var(c: Context, x: Value, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> SSAValue:
    return c.b.cast(_var_mean(c, x, dim, correction, keepdim)[0], c.dtype)


@handles("var.dim")
def var_dim(c: Context, x: Value, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> SSAValue:
    return var(c, x, dim, correction=int(unbiased), keepdim=keepdim)


@handles("var.default")
def var_default(c: Context, x: Value, unbiased: bool = True) -> SSAValue:
    return var(c, x, None, correction=int(unbiased))


@handles("var_mean.correction")
def var_mean(c: Context, x: Value, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> list[Value]:
    return [c.b.cast(v, _dtype(c)) for v in _var_mean(c, x, dim, correction, keepdim)]


@handles("var_mean.dim")
def var_mean_dim(c: Context, x: Value, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> list[Value]:
    return var_mean(c, x, dim, correction=int(unbiased), keepdim=keepdim)


@handles("var_mean.default")
def var_mean_default(c: Context, x: Value, unbiased: bool = True) -> list[Value]:
    return var_mean(c, x, None, correction=int(unbiased))
