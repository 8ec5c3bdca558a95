"""A printed kernel: its text, what it takes, and the helpers that texts may call."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from flashlight_mlir.expr import Expr

HEADER = "import triton\nimport triton.language as tl\n"


@dataclass(frozen=True)
class Tensor:
    """A tensor parameter. ``spans``: per axis, the most elements that lane offsets move along it (None: the extent)."""

    shape: tuple[Expr, ...]
    dtype: str
    spans: tuple[int | None, ...]


@dataclass(frozen=True)
class KernelSource:
    """A printed kernel and how to launch it."""

    name: str
    source: str
    """Runnable: imports, helpers, the kernel."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    symbols: tuple[str, ...]
    """Size symbols in the order of the parameters z0, z1, …"""
    grid: tuple[Expr, ...]
    warps: int
    stages: int
    title: str = "kernel"
    """The kernel's name in the IR: for people, never in the source."""

    @property
    def fuses_multiply_add(self) -> bool:
        """A result in f32 is rounded where the program says so (``x·c - max(x·c)`` is then 0 at the maximum); others by 16 bits."""
        return all(t.dtype in ("float16", "bfloat16") for t in self.outputs)

    @property
    def params(self) -> tuple[str, ...]:
        names: list[str] = []
        for k, t in enumerate((*self.inputs, *self.outputs)):
            names += [f"p{k}", *(f"s{k}_{a}" for a in range(len(t.shape)))]
        return (*names, *(f"z{k}" for k in range(len(self.symbols))), "WIDE")


@cache
def prelude() -> dict[str, tuple[str, frozenset[str]]]:
    """Helper name -> its source and the helpers it calls (``runtime/prelude.py``, read as text: no Triton is needed to print)."""
    text = files("flashlight_mlir.runtime").joinpath("prelude.py").read_text()
    tree = ast.parse(text)
    lines = text.splitlines()
    found: dict[str, tuple[str, set[str]]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            start = node.decorator_list[0].lineno - 1
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            found[node.name] = "\n".join(lines[start : node.end_lineno]), names
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = lines[node.lineno - 1], set()
    return {name: (source, frozenset(uses & found.keys())) for name, (source, uses) in found.items()}


def helpers(used: set[str]) -> str:
    """The source of some helpers and of those that they call, in the prelude's order."""
    known, todo, need = prelude(), list(used), set[str]()
    while todo:
        name = todo.pop()
        if name not in need:
            need.add(name)
            todo.extend(known[name][1])
    return "".join(f"\n\n{source}\n" if "\n" in source else f"\n{source}\n" for name, (source, _) in known.items() if name in need)
