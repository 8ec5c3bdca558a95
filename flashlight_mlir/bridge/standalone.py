"""A region as one file that runs alone (``export/file.py``): sizes that an input tells are read off it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node

from flashlight_mlir.bridge.build import Built
from flashlight_mlir.bridge.nodes import hint
from flashlight_mlir.bridge.operands import ORDERED
from flashlight_mlir.bridge.regions import Region, is_size
from flashlight_mlir.diagnostics import one_line
from flashlight_mlir.export.file import EAGER, FLOATS, FUSED, file_text, function, launched
from flashlight_mlir.export.text import lines_of, literal

log = logging.getLogger(__name__)


def file_of(region: Region, built: Built, traced: GraphModule, sizes: Sequence[Node]) -> str:
    """The file's text, or why there is none: a file for people must not keep a region from being fused."""
    try:
        return standalone(region, built, traced, sizes)
    except Exception as error:
        log.debug("a region has no file of its own", exc_info=True)
        return f"# not available: {one_line(f'{type(error).__name__}: {error}')}\n"


def standalone(region: Region, built: Built, traced: GraphModule, sizes: Sequence[Node]) -> str:
    """The file's text; ``traced`` is the region's host program on (sizes, then inputs)."""
    nodes: list[Node] = list(traced.graph.nodes)
    outside = dict(zip((n for n in nodes if n.op == "placeholder"), (*sizes, *region.inputs), strict=True))
    results: Any = nodes[-1].args[0]
    names, top = _read(region, outside)
    body = lines_of([n for n in nodes if n.op not in ("placeholder", "output")], names, special=_special)
    fused = function("fused", FUSED, len(region.inputs), [*top, *body], results, names)

    outside = {n: n for n in (*(a for n in region.nodes for a in n.all_input_nodes if is_size(a)), *region.inputs)}
    names, top = _read(region, outside)
    for k, (node, value) in enumerate(region.constants.items()):
        names[node] = f"c{k}"
        dtype = literal(value.dtype, {}, FLOATS)
        top.append(f"c{k} = torch.tensor({literal(value.value, {}, {})}, dtype={dtype}, device=DEVICE)")
    body = lines_of([n for n in region.nodes if not is_size(n)], names, FLOATS)
    eager = function("eager", EAGER, len(region.inputs), [*top, *body], region.outputs, names)
    values: list[torch.Tensor] = [n.meta["val"] for n in region.inputs]
    examples = ((list(map(hint, x.shape)), list(map(hint, x.stride())), x.dtype) for x in values)
    return file_text(built.kernels, fused, eager, examples)


def _special(node: Node, spell: Callable[[Any], str]) -> str | None:
    """What is no op of torch's: a kernel's launch, and a layout that Inductor is asked for, which is a copy here."""
    if node.target is not ORDERED:
        return launched(node, spell)
    x, strides = map(spell, node.args)
    return f"torch.empty_strided({x}.shape, {strides}, dtype={x}.dtype, device={x}.device).copy_({x})"


def _read(region: Region, outside: dict[Node, Node]) -> tuple[dict[Node, str], list[str]]:
    """The names of what a function reads from outside, and the lines that define its sizes; ``outside``: its node → the region's."""
    known: dict[Any, str] = {}
    for k, node in enumerate(region.inputs):
        shape: Any = node.meta["val"].shape
        for axis, size in enumerate(shape):
            if not isinstance(size, int):
                known.setdefault(size.node.expr, f"x{k}.shape[{axis}]")
    inputs = {node: f"x{k}" for k, node in enumerate(region.inputs)}
    names: dict[Node, str] = {}
    lines: list[str] = []
    for node, origin in outside.items():
        if origin in inputs:
            names[node] = inputs[origin]
            continue
        value: Any = origin.meta["val"]
        names[node] = f"z{len(lines)}"
        lines.append(f"{names[node]} = {_size(value.node.expr, known) or hint(value)}")
    return names, lines


def _size(expr: Any, known: dict[Any, str]) -> str | None:
    """A size as sums and products of those that an input tells."""
    if expr in known or expr.is_Integer:
        return known.get(expr) or str(int(expr))
    parts = [_size(x, known) for x in expr.args] if expr.is_Add or expr.is_Mul else [None]
    found = [f"({x})" if " " in x else x for x in parts if x is not None]
    return (" + " if expr.is_Add else " * ").join(found) if len(found) == len(parts) else None
