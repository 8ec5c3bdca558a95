"""Numbers computed from sizes, as ``x / n`` or ``x * d ** -0.5`` where n or d is a symbol: f32 arithmetic on ``Σ 1``."""

from __future__ import annotations

from typing import Any

import sympy  # pyright: ignore[reportMissingTypeStubs]
import torch
from torch.utils._sympy import functions
from xdsl.ir import SSAValue

from flashlight_mlir.diagnostics import CompileError
from flashlight_mlir.frontend.builder import Builder, Number, Value
from flashlight_mlir.frontend.sizes import Sizes

_QUOTIENTS = (functions.IntTrueDiv, functions.FloatTrueDiv)
_POWERS = (functions.FloatPow, functions.PowByNatural, sympy.Pow)


def number(b: Builder, sizes: Sizes, e: Any) -> Value:
    """A Python number if ``e`` is one, else a 0-d f32 tensor."""
    if e.is_number:
        return Number(float(e))
    if e.is_integer and not isinstance(e, functions.PowByNatural):
        return b.tensor(sizes.expr(e), torch.float32)
    name = type(e).__name__
    args = [number(b, sizes, a) for a in e.args]
    match e:
        case functions.ToFloat():
            return args[0]
        case sympy.Add() | sympy.Mul():
            row = "add" if isinstance(e, sympy.Add) else "mul"
            total = args[0]
            for a in args[1:]:
                total = _apply(b, row, total, a)
            return total
        case _ if isinstance(e, _QUOTIENTS):
            return _apply(b, "div", *args)
        case _ if isinstance(e, _POWERS):
            return _power(b, *args)
        case _ if name.startswith("OpaqueUnaryFn_") and name[14:] in ("sqrt", "exp", "log", "tanh", "log2"):
            return _apply(b, name[14:], args[0])
        case _:
            raise CompileError(f"the number {e}, which depends on a size, is not supported")


def _apply(b: Builder, row: str, *args: Value) -> SSAValue:
    return b.pointwise(row, *args, dtype=torch.float32)


def _power(b: Builder, base: Value, exponent: Value) -> SSAValue:
    if isinstance(exponent, Number) and abs(exponent.value) == 0.5:
        return _apply(b, "sqrt" if exponent.value > 0 else "rsqrt", base)
    if isinstance(exponent, Number) and exponent.value == -1:
        return _apply(b, "recip", base)
    return _apply(b, "pow", base, exponent)
