"""Elementwise ATen ops: casts to torch's common dtype, made explicit, and one or a few pointwise ops."""

from __future__ import annotations

import math
from typing import Any

import torch
from xdsl.ir import SSAValue

from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend.builder import Number, Value, dtype_of
from flashlight_mlir.frontend.dtypes import wide
from flashlight_mlir.frontend.handlers import HANDLERS, Context, Handler, common_dtype, handles, value

UNARY = {
    "neg": "neg", "abs": "abs", "sign": "sign", "sgn": "sign", "exp": "exp", "exp2": "exp2", "expm1": "expm1",
    "log": "log", "log2": "log2", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt", "reciprocal": "recip",
    "tanh": "tanh", "sigmoid": "sigmoid", "erf": "erf", "atan": "atan", "sin": "sin", "cos": "cos", "floor": "floor",
    "ceil": "ceil", "trunc": "trunc", "round": "round", "bitwise_not": "not",
}  # fmt: skip
BINARY = {
    "mul": "mul", "maximum": "max", "minimum": "min", "remainder": "mod", "pow": "pow", "floor_divide": "floordiv",
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "bitwise_left_shift": "shl",
    "bitwise_right_shift": "shr", "__and__": "and", "__or__": "or", "__xor__": "xor", "__lshift__": "shl",
    "__rshift__": "shr",
}  # fmt: skip
COMPARE = ("lt", "le", "gt", "ge", "eq", "ne")
OVERLOADS = ("Tensor", "Scalar", "Tensor_Tensor", "Tensor_Scalar", "Scalar_Tensor", "default")


def _unary(row: str) -> Handler:
    def handler(c: Context, x: Value) -> SSAValue:
        return c.b.pointwise(row, c.b.tensor(x, c.dtype))

    return handler


def _binary(row: str) -> Handler:
    def handler(c: Context, a: Any, b: Any) -> SSAValue:
        if c.dtype == torch.bool and row in ("mul", "max", "min"):
            return c.b.pointwise("or" if row == "max" else "and", value(a), value(b), dtype=c.dtype)
        return c.b.pointwise(row, value(a), value(b), dtype=c.dtype)

    return handler


def _compare(row: str) -> Handler:
    def handler(c: Context, a: Any, b: Any) -> SSAValue:
        a, b = value(a), value(b)
        return c.b.pointwise(row, a, b, dtype=common_dtype(a, b))

    return handler


def _logical(row: str) -> Handler:
    def handler(c: Context, *args: Any) -> SSAValue:
        return c.b.pointwise(row, *(c.b.tensor(a, torch.bool) for a in args))

    return handler


for _aten, _row in UNARY.items():
    HANDLERS[f"aten.{_aten}.default"] = _unary(_row)
for _overload in OVERLOADS:
    for _aten, _row in BINARY.items():
        HANDLERS[f"aten.{_aten}.{_overload}"] = _binary(_row)
    for _aten in COMPARE:
        HANDLERS[f"aten.{_aten}.{_overload}"] = _compare(_aten)
for _aten, _row in {"logical_and": "and", "logical_or": "or", "logical_xor": "xor", "logical_not": "not"}.items():
    HANDLERS[f"aten.{_aten}.default"] = _logical(_row)


def _scaled(c: Context, x: Any, alpha: Any) -> Value:
    return value(x) if alpha == 1 else c.b.pointwise("mul", value(x), value(alpha), dtype=c.dtype)


@handles("add.Tensor", "add.Scalar")
def add(c: Context, a: Any, b: Any, alpha: Any = 1) -> SSAValue:
    return c.b.pointwise("or" if c.dtype == torch.bool else "add", value(a), _scaled(c, b, alpha), dtype=c.dtype)


@handles("sub.Tensor", "sub.Scalar")
def sub(c: Context, a: Any, b: Any, alpha: Any = 1) -> SSAValue:
    return c.b.pointwise("sub", value(a), _scaled(c, b, alpha), dtype=c.dtype)


@handles("rsub.Tensor", "rsub.Scalar")
def rsub(c: Context, a: Any, b: Any, alpha: Any = 1) -> SSAValue:
    return c.b.pointwise("sub", value(b), _scaled(c, a, alpha), dtype=c.dtype)


@handles("prims.fma.default")
def fma(c: Context, a: Any, b: Any, d: Any) -> SSAValue:
    return c.b.pointwise("add", c.b.pointwise("mul", value(a), value(b), dtype=c.dtype), value(d), dtype=c.dtype)


@handles("div.Tensor", "div.Scalar", "true_divide.Tensor")
def div(c: Context, a: Any, b: Any) -> SSAValue:
    return c.b.pointwise("div", value(a), value(b), dtype=c.dtype)


@handles("div.Tensor_mode", "div.Scalar_mode")
def div_mode(c: Context, a: Any, b: Any, *, rounding_mode: str | None = None) -> SSAValue:
    if rounding_mode == "floor":
        return c.b.pointwise("floordiv", value(a), value(b), dtype=c.dtype)
    quotient = div(c, a, b)  # of integers: towards zero
    return c.b.pointwise("trunc", quotient) if rounding_mode == "trunc" and c.dtype.is_floating_point else quotient


@handles("fmod.Tensor", "fmod.Scalar")
def fmod(c: Context, a: Any, b: Any) -> SSAValue:
    quotient = div_mode(c, a, b, rounding_mode="trunc")
    return sub(c, a, c.b.pointwise("mul", quotient, value(b), dtype=c.dtype))


@handles("pow.Tensor_Scalar")
def power(c: Context, x: Any, exponent: Any) -> SSAValue:
    base = c.b.tensor(value(x), c.dtype)
    match exponent:
        case 1:
            return base
        case 2:
            return c.b.pointwise("mul", base, base)
        case 0.5 | -0.5:
            return c.b.pointwise("sqrt" if exponent > 0 else "rsqrt", base)
        case -1 if c.dtype.is_floating_point:
            return c.b.pointwise("recip", base)
        case _:
            return c.b.pointwise("pow", base, value(exponent))


@handles("square.default")
def square(c: Context, x: Any) -> SSAValue:
    return power(c, x, 2)


@handles("where.self")
def where(c: Context, condition: Any, a: Any, b: Any) -> SSAValue:
    return c.b.pointwise("select", c.b.tensor(condition, torch.bool), value(a), value(b), dtype=c.dtype)


@handles("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(c: Context, x: Any, mask: Any, fill: Any) -> SSAValue:
    return where(c, mask, fill, x)


@handles("clamp.default", "clamp.Tensor")
def clamp(c: Context, x: Any, min: Any = None, max: Any = None) -> SSAValue:
    out = c.b.tensor(value(x), c.dtype)
    if min is not None:
        out = c.b.pointwise("max", out, value(min), dtype=c.dtype)
    return out if max is None else c.b.pointwise("min", out, value(max), dtype=c.dtype)


@handles("clamp_min.default", "clamp_min.Tensor")
def clamp_min(c: Context, x: Any, min: Any) -> SSAValue:
    return clamp(c, x, min)


@handles("clamp_max.default", "clamp_max.Tensor")
def clamp_max(c: Context, x: Any, max: Any) -> SSAValue:
    return clamp(c, x, None, max)


@handles("relu.default")
def relu(c: Context, x: Any) -> SSAValue:
    return clamp(c, x, 0)


def _wide(c: Context, x: Any) -> SSAValue:
    return c.b.tensor(value(x), wide(c.dtype))


@handles("silu.default")
def silu(c: Context, x: Any) -> SSAValue:
    w = _wide(c, x)
    return c.b.cast(c.b.pointwise("mul", w, c.b.pointwise("sigmoid", w)), c.dtype)


@handles("gelu.default")
def gelu(c: Context, x: Any, *, approximate: str = "none") -> SSAValue:
    w, p = _wide(c, x), c.b.pointwise
    if approximate == "tanh":
        cube = p("mul", p("mul", w, w), w)
        inner = p("mul", p("add", w, p("mul", cube, Number(0.044715))), Number(math.sqrt(2 / math.pi)))
        gate = p("tanh", inner)
    else:
        gate = p("erf", p("mul", w, Number(math.sqrt(0.5))))
    return c.b.cast(p("mul", p("mul", w, Number(0.5)), p("add", gate, Number(1.0))), c.dtype)


@handles("tan.default")
def tan(c: Context, x: Any) -> SSAValue:
    w = _wide(c, x)
    return c.b.cast(c.b.pointwise("div", c.b.pointwise("sin", w), c.b.pointwise("cos", w)), c.dtype)


@handles("log10.default")
def log10(c: Context, x: Any) -> SSAValue:
    return c.b.cast(c.b.pointwise("mul", c.b.pointwise("log2", _wide(c, x)), Number(math.log10(2))), c.dtype)


@handles("glu.default")
def glu(c: Context, x: Any, dim: int = -1) -> SSAValue:
    x = c.b.tensor(x)
    axis = dim % len(c.shape)
    half = c.shape[axis]
    left, right = (c.b.emit(tx.SliceOp(x, axis, start, 1, half)) for start in (Expr.of(0), half))
    return c.b.pointwise("mul", left, c.b.cast(c.b.pointwise("sigmoid", c.b.cast(right, wide(c.dtype))), c.dtype))


@handles("copy.default")
def copy(c: Context, old: Any, new: Any, *_: Any) -> Value:
    """What is copied takes the dtype and the shape of what it is copied to."""
    return c.b.broadcast(c.b.tensor(value(new), c.dtype), c.shape)


def _classify(row: str) -> Handler:
    def handler(c: Context, x: Any) -> Value:
        x = c.b.tensor(x)
        return c.b.pointwise(row, x) if dtype_of(x).is_floating_point else c.number(False)

    return handler


HANDLERS["aten.isnan.default"] = _classify("isnan")
HANDLERS["aten.isinf.default"] = _classify("isinf")


def _infinite(bound: float) -> Handler:
    def handler(c: Context, x: Any) -> Value:
        x = c.b.tensor(x)
        return c.b.pointwise("eq", x, Number(bound)) if dtype_of(x).is_floating_point else c.number(False)

    return handler


HANDLERS["aten.isneginf.default"] = _infinite(-math.inf)
HANDLERS["aten.isposinf.default"] = _infinite(math.inf)


@handles("isfinite.default")
def isfinite(c: Context, x: Any) -> SSAValue:
    size = c.b.pointwise("abs", c.b.tensor(x))  # NaN compares false
    return c.b.pointwise("lt", size, Number(math.inf), dtype=wide(dtype_of(size)))


@handles("_to_copy.default", "prims.convert_element_type.default", "to.dtype")
def to_copy(c: Context, x: Any, dtype: Any = None, **_: Any) -> Value:
    if isinstance(x, Number):
        kind = bool if c.dtype == torch.bool else float if c.dtype.is_floating_point else int
        return c.number(kind(x.value))
    return c.b.cast(c.b.tensor(x), c.dtype)
