"""ATen ops without a tensor-level spelling: ``tensor_ext.call``, arguments spelled as literals, run by torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from xdsl.ir import SSAValue

from flashlight_mlir.diagnostics import CompileError
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend.builder import Builder, Number, Value
from flashlight_mlir.frontend.dtypes import element
from flashlight_mlir.frontend.sizes import Sizes

_DROPPED = ("device", "pin_memory", "layout")


def call(b: Builder, sizes: Sizes, target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], meta: Any) -> Any:
    """Emit a call; its result (a list, if the op has several)."""
    if type(target).__name__ != "OpOverload" or target.namespace not in ("aten", "prims"):
        raise CompileError(f"'{target}' is not supported: only ops of aten and prims are")
    if target._schema.is_mutable:
        raise CompileError(f"'{target}' changes its operands: not supported")
    if torch.Tag.nondeterministic_seeded in target.tags:
        raise CompileError(f"'{target}' draws random numbers: not supported")
    results: list[Any] = [*meta] if isinstance(meta, list | tuple) else [meta]
    if not all(isinstance(r, torch.Tensor) for r in results):
        raise CompileError(f"'{target}' has results that are no tensors: not supported")
    operands: list[SSAValue] = []

    def spell(x: Any) -> str:
        match x:
            case _ if isinstance(x, (SSAValue, Number)):
                operands.append(b.tensor(cast(Value, x)))
                return f"%{len(operands) - 1}"
            case Expr():
                if " mod " in str(x) or "(" in str(x).replace("floordiv", ""):
                    raise CompileError(f"'{target}' with the size {x} is not supported")
                return str(x).replace(" floordiv ", " // ")
            case list() | tuple():
                items: list[Any] = [*x]
                return f"[{', '.join(map(spell, items))}]"
            case float() if not math.isfinite(x):
                return ("-" if x < 0 else "") + ("nan" if math.isnan(x) else "inf")
            case None | bool() | int() | float() | torch.dtype() | torch.memory_format():
                return str(x)
            case str() if x.isidentifier():
                return f"'{x}'"
            case _:
                raise CompileError(f"'{target}' with the argument {x!r} is not supported")

    parts = [spell(a) for a in args] + [f"{k}={spell(v)}" for k, v in kwargs.items() if k not in _DROPPED]
    types = [tx.tensor(sizes.shape(r.shape), element(r.dtype)) for r in results]
    op = tx.CallOp(str(target), operands, f"({', '.join(parts)})", types)
    b.emit(op)
    return list(op.outputs) if isinstance(meta, list | tuple) else op.outputs[0]
