"""One file that runs alone: kernels, their launch, the same in eager PyTorch, and a check of one by the other.

    python file.py                        # on a GPU
    TRITON_INTERPRET=1 python file.py     # on the CPU

The file imports torch and Triton only. Names are numbers, ops and literals come from closed tables (``export/text.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import torch
from torch._inductor.decomposition import select_decomp_table
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx
from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.backend.launch_text import launch_text
from flashlight_mlir.backend.source import HEADER, KernelSource
from flashlight_mlir.backend.text import from_text
from flashlight_mlir.backend.triton import joined
from flashlight_mlir.export.graph import run_traced
from flashlight_mlir.export.op import KERNEL
from flashlight_mlir.export.text import lines_of, literal

HEAD = '''"""Fused: Triton kernels, their launch, the same in eager PyTorch, and a check of one by the other.

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
FUSED = "The kernels, and what torch computes between them."
EAGER = "What the program says, op by op; exact with float64 for each dtype."
FLOATS = {torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32"}
"""Parameters of ``eager``: with float64 for each it is the reference."""
Example = tuple[Sequence[int], Sequence[int], torch.dtype]
"""Sizes, strides and dtype of an input."""


def file_text(kernels: Sequence[KernelSource], fused: str, eager: str, examples: Iterable[Example]) -> str:
    """The file around its two functions."""
    rows = "".join(f"        example({list(shape)}, {list(stride)}, {dtype}),\n" for shape, stride, dtype in examples)
    inputs = f"\n\ndef examples():\n    return (\n{rows}    )\n"
    launches = (f"\n\n{launch_text(k, _launch(k.name))}" for k in kernels)
    return "".join([HEAD, joined(kernels).removeprefix(HEADER), *launches, fused, eager, inputs, _helpers(), TAIL])


def function(name: str, doc: str, inputs: int, body: Sequence[str], results: Iterable[Any], names: Mapping[Node, str]) -> str:
    """``def name(x0, x1, …)``, with the float dtypes that its body names as parameters."""
    given = ", ".join(literal(r, names, {}) for r in results)
    dtypes = [f"{n}={dtype}" for dtype, n in FLOATS.items() if any(re.search(rf"\b{n}\b", line) for line in body)]
    parameters = ", ".join([*(f"x{k}" for k in range(inputs)), *(["*", *dtypes] if dtypes else [])])
    lines = [f'"""{doc}"""', *body, f"return ({given},)"]
    return f"\n\ndef {name}({parameters}):\n" + "".join(f"    {line}\n" for line in lines)


def _helpers() -> str:
    """``runtime/alone.py`` from its first definition on."""
    text = files("flashlight_mlir.runtime").joinpath("alone.py").read_text()
    return "\n\n" + text[text.index("DEVICE = ") :].rstrip() + "\n"


def _launch(kernel: str) -> str:
    return kernel.replace("kernel", "launch")


def launched(node: Node, spell: Callable[[Any], str]) -> str | None:
    """A call of our op is a call of the kernel's launch function."""
    if node.target is not KERNEL:
        return None
    args: Any = node.args
    inputs, sizes, text = args
    return f"{_launch(from_text(text).name)}({', '.join(map(spell, [*inputs, *sizes]))})"


def program_file(
    imported: ModuleOp, lowered: ModuleOp, kernels: Sequence[KernelSource], sizes: Mapping[str, int], inputs: Sequence[torch.Tensor]
) -> str:
    """The file of a whole program at the sizes of ``inputs``."""
    parts: list[str] = []
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(x) for x in inputs]
        for name, doc, module, printed in (("fused", FUSED, lowered, kernels), ("eager", EAGER, imported, ())):

            def host(
                *args: torch.Tensor, module: ModuleOp = module, printed: Sequence[KernelSource] = printed
            ) -> list[torch.Tensor]:
                return run_traced(module, printed, sizes, args)

            graph: Any = make_fx(host, decomposition_table=select_decomp_table(), tracing_mode="real")(*fakes)
            nodes: list[Node] = list(graph.graph.nodes)
            names = {n: f"x{k}" for k, n in enumerate(n for n in nodes if n.op == "placeholder")}
            results: Any = nodes[-1].args[0]
            todo = [n for n in nodes if n.op not in ("placeholder", "output")]
            body = lines_of(todo, names, FLOATS if name == "eager" else None, launched)
            parts.append(function(name, doc, len(inputs), body, results, names))
    return file_text(kernels, parts[0], parts[1], ((x.shape, x.stride(), x.dtype) for x in inputs))
