"""``tensor_ext.call``: an ATen op by name, with arguments spelled as literals. Nothing is ever evaluated as Python.

    %y, %i = tensor_ext.call "aten.sort.default"(%x) args "(%0, -1, descending=True)" : …

In the spelling ``%k`` stands for operand k, an upper-case name for a size symbol, ``torch.float32`` for a dtype.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch._ops import OpOverload

_NAME = re.compile(r"(aten|prims)\.([A-Za-z_][A-Za-z0-9_]*)(?:\.([A-Za-z_][A-Za-z0-9_]*))?\Z")
_ENUMS = (torch.dtype, torch.layout, torch.memory_format)


def resolve(name: str) -> Any:
    """The overload that ``aten.sort.default`` names; ValueError if torch has none."""
    match = _NAME.match(name)
    if not match or match[2].startswith("__"):
        raise ValueError(f"'{name}' is no op of aten or prims")
    packet = getattr(getattr(torch.ops, match[1]), match[2], None)
    op: Any = getattr(packet, match[3] or "default", None)
    if not isinstance(op, OpOverload):
        raise ValueError(f"torch has no op '{name}'")
    return op  # pyright: ignore[reportUnknownVariableType]: OpOverload is generic in what nobody states


def parse_args(spelling: str, operands: Sequence[Any], sizes: Mapping[str, int]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments; ValueError for anything that is no literal, operand, size or dtype."""
    text = spelling.strip()
    text = text if text.startswith("(") else f"({text})"
    text = re.sub(r"%(\d+)", r"operand_\1", text)
    try:
        tree = ast.parse(f"f{text}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as e:
        raise ValueError(f"cannot read the arguments '{spelling}'") from e
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise ValueError(f"cannot read the arguments '{spelling}'")

    def value(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=v) if v is None or isinstance(v, bool | int | float | str):
                return v
            case ast.List(elts=elts):
                return [value(e) for e in elts]
            case ast.Tuple(elts=elts):
                return tuple(value(e) for e in elts)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -value(inner)
            case ast.BinOp(left=a, op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() as op, right=b):
                x, y = value(a), value(b)
                if isinstance(x, int) and isinstance(y, int):
                    return {"Add": x + y, "Sub": x - y, "Mult": x * y}.get(type(op).__name__, x // (y or 1))
            case ast.Name(id=name) if name in ("inf", "nan"):
                return float(name)
            case ast.Name(id=name) if name in sizes:
                return sizes[name]
            case ast.Name(id=name) if name.startswith("operand_") and int(name[8:]) < len(operands):
                return operands[int(name[8:])]
            case ast.Attribute(value=ast.Name(id="torch"), attr=attr) if isinstance(getattr(torch, attr, None), _ENUMS):
                return getattr(torch, attr)
            case _:
                pass
        raise ValueError(f"'{ast.unparse(node)}' is no literal, operand, size or dtype")

    kwargs = {k.arg: value(k.value) for k in tree.keywords if k.arg is not None}
    if len(kwargs) != len(tree.keywords):
        raise ValueError("arguments have names or positions")
    return [value(a) for a in tree.args], kwargs
