"""A region as one file that runs alone: its kernels, their launch, the same in eager PyTorch, and a check of one by the other.

    python region.py                        # on a GPU
    TRITON_INTERPRET=1 python region.py     # on the CPU

The file imports torch and Triton only. Names are numbers, ops and literals come from closed tables (``fx_text``).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import torch
from torch.fx import GraphModule, Node

from flashlight_mlir.backend.launch_text import launch_text
from flashlight_mlir.backend.source import HEADER
from flashlight_mlir.backend.text import from_text
from flashlight_mlir.backend.triton import joined
from flashlight_mlir.bridge.build import Built
from flashlight_mlir.bridge.fx_text import lines_of, literal
from flashlight_mlir.bridge.nodes import hint
from flashlight_mlir.bridge.op import KERNEL
from flashlight_mlir.bridge.operands import ORDERED
from flashlight_mlir.bridge.regions import Region, is_size
from flashlight_mlir.diagnostics import one_line

log = logging.getLogger(__name__)
HEAD = '''"""A fused region: Triton kernels, their launch, the same in eager PyTorch, and a check of one by the other.

Run it on a GPU, or with TRITON_INTERPRET=1 on the CPU.
"""

import inspect
import sys

import torch
import triton
import triton.language as tl

aten = torch.ops.aten
'''
TAIL = """

if __name__ == "__main__":
    torch.manual_seed(0)
    sys.exit(check(fused, eager, examples()))
"""


FLOATS = {torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32"}
"""Parameters of ``eager``: with float64 for each it is the reference."""


def file_of(region: Region, built: Built, traced: GraphModule, sizes: Sequence[Node]) -> str:
    """The file's text, or why there is none: a file for people must not keep a region from being fused."""
    try:
        return standalone(region, built, traced, sizes)
    except Exception as error:
        log.debug("a region has no file of its own", exc_info=True)
        return f"# not available: {one_line(f'{type(error).__name__}: {error}')}\n"


def standalone(region: Region, built: Built, traced: GraphModule, sizes: Sequence[Node]) -> str:
    """The file's text; ``traced`` is the region's host program on (sizes, then inputs)."""
    parts = [HEAD, joined(built.kernels).removeprefix(HEADER)]
    parts += [f"\n\n{launch_text(k, _launch(k.name))}" for k in built.kernels]

    nodes: list[Node] = list(traced.graph.nodes)
    outside = dict(zip((n for n in nodes if n.op == "placeholder"), (*sizes, *region.inputs), strict=True))
    results: Any = nodes[-1].args[0]
    names, top = _read(region, outside)
    body = lines_of([n for n in nodes if n.op not in ("placeholder", "output")], names, special=_launched)
    parts.append(_function("fused", "The kernels, and what torch computes between them.", region, [*top, *body], results, names))

    outside = {n: n for n in (*(a for n in region.nodes for a in n.all_input_nodes if is_size(a)), *region.inputs)}
    names, top = _read(region, outside)
    for k, (node, value) in enumerate(region.constants.items()):
        names[node] = f"c{k}"
        dtype = literal(value.dtype, {}, FLOATS)
        top.append(f"c{k} = torch.tensor({literal(value.value, {}, {})}, dtype={dtype}, device=DEVICE)")
    body = lines_of([n for n in region.nodes if not is_size(n)], names, FLOATS)
    doc = "What the program says, op by op; exact with float64 for each dtype."
    dtypes = [f"{name}={dtype}" for dtype, name in FLOATS.items() if any(re.search(rf"\b{name}\b", x) for x in (*top, *body))]
    parts.append(_function("eager", doc, region, [*top, *body], region.outputs, names, ["*", *dtypes] if dtypes else []))
    return "".join([*parts, _examples(region), _helpers(), TAIL])


def _helpers() -> str:
    """``runtime/alone.py`` from its first definition on."""
    text = files("flashlight_mlir.runtime").joinpath("alone.py").read_text()
    return "\n\n" + text[text.index("DEVICE = ") :].rstrip() + "\n"


def _launch(kernel: str) -> str:
    return kernel.replace("kernel", "launch")


def _launched(node: Node, spell: Callable[[Any], str]) -> str | None:
    """A call of our op is a call of the kernel's launch function; a layout that Inductor is asked for is a copy."""
    if node.target is ORDERED:
        x, strides = map(spell, node.args)
        return f"torch.empty_strided({x}.shape, {strides}, dtype={x}.dtype, device={x}.device).copy_({x})"
    if node.target is not KERNEL:
        return None
    args: Any = node.args
    inputs, sizes, text = args
    return f"{_launch(from_text(text).name)}({', '.join(map(spell, [*inputs, *sizes]))})"


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


def _function(
    name: str,
    doc: str,
    region: Region,
    body: Sequence[str],
    results: Sequence[Node],
    names: dict[Node, str],
    more: Sequence[str] = (),
) -> str:
    given = ", ".join(literal(r, names, {}) for r in results)
    inputs = ", ".join([*(f"x{k}" for k in range(len(region.inputs))), *more])
    lines = [f'"""{doc}"""', *body, f"return ({given},)"]
    return f"\n\ndef {name}({inputs}):\n" + "".join(f"    {line}\n" for line in lines)


def _examples(region: Region) -> str:
    """Inputs of the example's sizes and strides."""
    lines: list[str] = []
    for node in region.inputs:
        x: torch.Tensor = node.meta["val"]
        shape, stride = [hint(n) for n in x.shape], [hint(n) for n in x.stride()]
        lines.append(f"        example({shape}, {stride}, {x.dtype}),\n")
    return f"\n\ndef examples():\n    return (\n{''.join(lines)}    )\n"
