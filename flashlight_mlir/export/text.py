"""FX nodes as Python source that runs alone: values are numbered, ops and literals come from closed tables.

    # model.py:12  scores = q @ k.transpose(-1, -2)
    t4 = aten.bmm(t1, t3)

A comment holds a user's line with all that could end or disguise it spelled out; nothing else of the input is text.
"""

from __future__ import annotations

import linecache
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch._ops import OpOverload
from torch.fx import Node

from flashlight_mlir.diagnostics import one_line, short
from flashlight_mlir.frontend.locations import user_frame

OP = re.compile(r"(aten|prims)\.([a-z_][a-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)\Z")
OPERATORS = {"add": "+", "sub": "-", "mul": "*", "floordiv": "//", "mod": "%"}
"""Of sizes, by their names in ``operator``."""
WORDS = re.compile(r"[a-z]{1,16}\Z")
"""Strings that ops take, such as a rounding mode."""
WIDTH = 110


class NotPrintable(Exception):
    """A node that the tables do not know: there is no file of this region then."""


Spell = Callable[[Any], str]


def lines_of(
    nodes: Iterable[Node],
    names: dict[Node, str],
    dtypes: Mapping[torch.dtype, str] | None = None,
    special: Callable[[Node, Spell], str | None] | None = None,
) -> list[str]:
    """An assignment for each node, in order; ``names`` holds what is read from outside and gets the new ones.

    ``dtypes``: names of variables that stand for dtypes; ``special``: the right-hand sides of nodes that are not torch's.
    """
    lines: list[str] = []
    place = ""

    def spell(x: Any) -> str:
        return literal(x, names, dtypes or {})

    for k, node in enumerate(nodes):
        if (text := comment(node)) not in ("", place):
            place = text
            lines.append(f"# {place}")
        value = (special and special(node, spell)) or call(node, spell)
        names[node] = f"t{k}"
        lines.append(f"t{k} = {value}")
    return lines


def comment(node: Node) -> str:
    """The user's line that a node came from."""
    frame = user_frame(node.meta.get("stack_trace") or "")
    if frame is None:
        return ""
    line = linecache.getline(frame.file, frame.line).strip()
    return one_line(f"{short(frame.file)}:{frame.line}  {line}")[:WIDTH]


def call(node: Node, spell: Spell) -> str:
    """The right-hand side of a node."""
    target: Any = node.target
    if target is operator.getitem:
        return f"{spell(node.args[0])}[{spell(node.args[1])}]"
    if getattr(target, "__module__", "") == "_operator" and target.__name__ in OPERATORS:
        return f"{spell(node.args[0])} {OPERATORS[target.__name__]} {spell(node.args[1])}"
    name = str(target)
    match = OP.match(name) if isinstance(target, OpOverload) else None
    if match is None:
        raise NotPrintable(f"the op {target!r}")
    overload = "" if match[3] == "default" else f".{match[3]}"
    prims = "torch.ops.prims." if match[1] == "prims" else "aten."
    kwargs = [f"{k}={spell(v)}" for k, v in node.kwargs.items() if v is not None and k != "pin_memory"]
    return f"{prims}{match[2]}{overload}({', '.join([*map(spell, node.args), *kwargs])})"


def literal(x: Any, names: Mapping[Node, str], dtypes: Mapping[torch.dtype, str]) -> str:
    """An argument."""
    match x:
        case Node():
            if x not in names:
                raise NotPrintable(f"the value {x.name}")
            return names[x]
        case None | bool():
            return str(x)
        case int():
            return str(int(x))
        case float():
            return number(x)
        case list() | tuple():
            inner = ", ".join(literal(e, names, dtypes) for e in x)  # pyright: ignore[reportUnknownVariableType]
            return f"[{inner}]"
        case torch.dtype() if x in dtypes:
            return dtypes[x]
        case torch.dtype() | torch.layout() | torch.memory_format():
            return str(x)
        case torch.device():
            return "DEVICE"
        case str() if WORDS.match(x):
            return f'"{x}"'
        case _:
            raise NotPrintable(f"an argument of type {type(x).__name__}")


def number(x: float) -> str:
    """Inf and NaN spelled out."""
    return repr(float(x)) if math.isfinite(x) else f'float("{x}")'
