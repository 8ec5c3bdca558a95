"""What each pointwise op means: one table, row name -> torch function.

In float64 mode every float is float64 and a narrowing float cast is the identity (to fp8 it is intent, and rounds);
in native mode every op runs in its own dtype, as torch would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from xdsl.dialects import builtin
from xdsl.interpreter import Interpreter, InterpreterFunctions, OpImplResult, register_impls
from xdsl.ir import Attribute, Operation

from flashlight_mlir.dialects.loop.types import TileType, dims_of
from flashlight_mlir.dialects.pointwise import OPS, PointwiseOp
from flashlight_mlir.dialects.syntax import element_of, is_number
from flashlight_mlir.interpreters.frame import Frame

FLOATS: dict[type[Attribute], torch.dtype] = {
    builtin.Float16Type: torch.float16,
    builtin.BFloat16Type: torch.bfloat16,
    builtin.Float32Type: torch.float32,
    builtin.Float64Type: torch.float64,
}
FP8: dict[type[Attribute], torch.dtype] = {
    builtin.Float8E4M3FNType: torch.float8_e4m3fn,
    builtin.Float8E5M2Type: torch.float8_e5m2,
    builtin.Float8E4M3FNUZType: torch.float8_e4m3fnuz,
    builtin.Float8E5M2FNUZType: torch.float8_e5m2fnuz,
}
INTEGERS = {1: torch.bool, 8: torch.int8, 16: torch.int16, 32: torch.int32, 64: torch.int64}


def dtype_of(element: Attribute, native: bool = False) -> torch.dtype:
    """The dtype that values of an element type have; floats are float64 unless ``native``."""
    if isinstance(element, builtin.IndexType):
        return torch.int64
    if isinstance(element, builtin.IntegerType):
        return torch.uint8 if element == builtin.IntegerType(8, builtin.Signedness.UNSIGNED) else INTEGERS[element.bitwidth]
    dtype = FLOATS.get(type(element)) or FP8.get(type(element))
    if dtype is None:
        raise TypeError(f"no torch dtype for {element}")
    return dtype if native else torch.float64


def _same(a: torch.Tensor) -> torch.Tensor:
    return a


def _div(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.div(a, b) if a.is_floating_point() or b.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


TABLE: dict[str, Callable[..., torch.Tensor]] = {
    "neg": torch.neg,
    "abs": torch.abs,
    "sign": torch.sign,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": torch.log,
    "log2": torch.log2,
    "log1p": torch.log1p,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "recip": torch.reciprocal,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "erf": torch.erf,
    "atan": torch.atan,
    "sin": torch.sin,
    "cos": torch.cos,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "round": torch.round,  # half to even
    "not": torch.bitwise_not,
    "isnan": torch.isnan,
    "isinf": torch.isinf,
    "cast": _same,  # to the result's dtype, as every op's result
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": _div,  # of integers: towards zero
    "floordiv": torch.floor_divide,
    "mod": torch.remainder,  # the sign of the divisor
    "pow": torch.pow,
    "max": torch.maximum,  # NaN wins
    "min": torch.minimum,
    "and": torch.bitwise_and,
    "or": torch.bitwise_or,
    "xor": torch.bitwise_xor,
    "shl": torch.bitwise_left_shift,
    "shr": torch.bitwise_right_shift,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
    "eq": torch.eq,
    "ne": torch.ne,
    "select": torch.where,
}


def align(value: torch.Tensor, type: Attribute, dims: Sequence[str]) -> torch.Tensor:
    """``value``, an axis for each dim of its type, with an axis (perhaps of length 1) for each of ``dims``."""
    own = dims_of(type)
    if tuple(own) == tuple(dims):
        return value
    value = value.permute([own.index(d) for d in dims if d in own])
    return value.reshape([value.shape[[e for e in dims if e in own].index(d)] if d in own else 1 for d in dims])


def as_tensor(value: Any, like: Iterable[Any], frame: Frame) -> torch.Tensor:
    """A number as a scalar of the element type that it meets among ``like``."""
    if isinstance(value, torch.Tensor):
        return value
    met = next((v.dtype for v in like if isinstance(v, torch.Tensor)), None)
    own = torch.float64 if isinstance(value, float) else torch.int64
    wide = met is None or met == torch.bool or (met.is_floating_point and frame.native)  # torch keeps its scalars wide
    return torch.full((), value, dtype=own if wide else met, device=frame.device)


def number_or_tensor(value: torch.Tensor, type: Attribute) -> Any:
    """Plain f64 and index scalars are Python numbers."""
    return value.item() if is_number(type) and value.ndim == 0 else value


def apply(op: PointwiseOp, args: Sequence[Any], frame: Frame) -> Any:
    """The result of one pointwise op."""
    type = op.result.type
    values = args[1:] if op.ROW.rule == "select" else args
    tensors = [as_tensor(a, [a] if a is args[0] and op.ROW.rule == "select" else values, frame) for a in args]
    if isinstance(type, TileType):
        tensors = [align(t, a.type, type.dims) if t.ndim else t for t, a in zip(tensors, op.args, strict=True)]
    element, out = element_of(type), TABLE[op.ROW.name](*tensors)
    if element.__class__ in FP8 and op.ROW.rule == "cast":
        out = out.to(FP8[element.__class__])
    return number_or_tensor(out.to(dtype_of(element, frame.native)), type)


@register_impls
class PointwiseFunctions(InterpreterFunctions):
    """Every row's op, by the table."""

    def __init__(self, frame: Frame):
        self.frame = frame

    @classmethod
    def _impls(cls) -> Iterable[tuple[type[Operation], Any]]:
        def run(self: PointwiseFunctions, _: Interpreter, op: Operation, args: tuple[Any, ...]) -> OpImplResult:
            assert isinstance(op, PointwiseOp)
            return OpImplResult((apply(op, args, self.frame),), None)

        return [(op, run) for op in OPS.values()]
