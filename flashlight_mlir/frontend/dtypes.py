"""torch dtypes and element types."""

from __future__ import annotations

import torch
from xdsl.dialects import builtin
from xdsl.ir import Attribute

from flashlight_mlir.diagnostics import CompileError

ELEMENTS: dict[torch.dtype, Attribute] = {
    torch.float16: builtin.f16,
    torch.bfloat16: builtin.bf16,
    torch.float32: builtin.f32,
    torch.bool: builtin.i1,
    torch.int8: builtin.i8,
    torch.int16: builtin.i16,
    torch.int32: builtin.i32,
    torch.int64: builtin.i64,
    torch.uint8: builtin.IntegerType(8, builtin.Signedness.UNSIGNED),
    torch.float8_e4m3fn: builtin.Float8E4M3FNType(),
    torch.float8_e5m2: builtin.Float8E5M2Type(),
}
DTYPES: dict[Attribute, torch.dtype] = {element: dtype for dtype, element in ELEMENTS.items()}


def element(dtype: torch.dtype) -> Attribute:
    """The element type of a dtype; CompileError (without a place) if the compiler has none."""
    if dtype not in ELEMENTS:
        raise CompileError(f"values of {dtype} are not supported")
    return ELEMENTS[dtype]


def wide(dtype: torch.dtype) -> torch.dtype:
    """What torch accumulates in: f32 for narrower floats."""
    return torch.float32 if dtype.is_floating_point and dtype.itemsize < 4 else dtype
