"""A printed kernel as one text, and back: its first line says how to launch it, the rest is Python.

The text is all that a graph keeps of a kernel, so that torch's and Triton's caches carry everything and we keep none.
"""

from __future__ import annotations

import json
from typing import Any

from flashlight_mlir.backend.source import KernelSource, Tensor
from flashlight_mlir.expr import Atom, Call, Expr, Name

FORMAT = 1
"""Changes whenever the text of an older version would be read wrongly."""


def to_text(kernel: KernelSource) -> str:
    """One line of JSON in a comment, then the source."""
    head = {
        "flashlight": FORMAT,
        "name": kernel.name,
        "title": kernel.title,
        "inputs": [_tensor(t) for t in kernel.inputs],
        "outputs": [_tensor(t) for t in kernel.outputs],
        "symbols": kernel.symbols,
        "grid": [_expr(e) for e in kernel.grid],
        "warps": kernel.warps,
        "stages": kernel.stages,
    }
    return f"# {json.dumps(head, separators=(',', ':'))}\n{kernel.source}"


def from_text(text: str) -> KernelSource:
    """The kernel of a text; ValueError if it is none of ours, or of another version."""
    line, _, source = text.partition("\n")
    head: Any = json.loads(line.removeprefix("# "))
    if head.get("flashlight") != FORMAT:
        raise ValueError("the text is not a kernel of this version")
    return KernelSource(
        head["name"],
        source,
        tuple(map(_to_tensor, head["inputs"])),
        tuple(map(_to_tensor, head["outputs"])),
        tuple(head["symbols"]),
        tuple(map(_to_expr, head["grid"])),
        head["warps"],
        head["stages"],
        head["title"],
    )


def _tensor(t: Tensor) -> list[Any]:
    return [[_expr(e) for e in t.shape], t.dtype, list(t.spans)]


def _to_tensor(x: Any) -> Tensor:
    return Tensor(tuple(map(_to_expr, x[0])), x[1], tuple(x[2]))


def _expr(e: Expr) -> Any:
    """A number, or ``[[coefficient, atom, …], …]`` where an atom is a name or ``[function, argument, …]``."""
    if e.constant is not None:
        return e.constant
    return [[c, *(a.text if isinstance(a, Name) else [a.fn, *map(_expr, a.args)] for a in m)] for m, c in e.terms]


def _to_expr(x: Any) -> Expr:
    if isinstance(x, int):
        return Expr.of(x)

    def atom(a: Any) -> Atom:
        return Name(a) if isinstance(a, str) else Call(a[0], tuple(map(_to_expr, a[1:])))

    return Expr(tuple((tuple(map(atom, m)), c) for c, *m in x))
