"""``flashlight_mlir::kernel``: the one op that our part of a graph consists of. Its text is the kernel.

    torch.ops.flashlight_mlir.kernel(inputs, sizes, text) -> results

``sizes`` are the values of the kernel's size symbols, ``text`` is what ``backend.text`` writes. Inputs may have any strides.
A process that never ran our pass, because torch's caches knew the graph, launches the same kernel from the same text.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch._dynamo.utils import counters

from flashlight_mlir.backend.text import from_text
from flashlight_mlir.interpreters.frame import value_of
from flashlight_mlir.runtime.launch import DTYPES, Launcher

NAMESPACE = "flashlight_mlir"
KERNELS = 4096
"""Kernels that a process keeps ready; of those beyond, the least recently used is built again."""


@lru_cache(maxsize=KERNELS)
def launcher(text: str) -> Launcher:
    return Launcher(from_text(text))


def launch(inputs: Sequence[torch.Tensor], sizes: Sequence[int], text: str) -> list[torch.Tensor]:
    """Run the kernel on the device of its inputs, and count it: also where torch's caches knew the graph."""
    counters[NAMESPACE]["launches"] += 1
    ready = launcher(text)
    return ready(*inputs, sizes=dict(zip(ready.kernel.symbols, sizes, strict=True)))


def launch_on_cpu(inputs: Sequence[torch.Tensor], sizes: Sequence[int], text: str) -> list[torch.Tensor]:
    if os.environ.get("TRITON_INTERPRET") != "1":
        raise RuntimeError("a kernel needs a GPU; set TRITON_INTERPRET=1 before the start to run it in Triton's interpreter")
    return launch(inputs, sizes, text)


def results(inputs: Sequence[torch.Tensor], sizes: Sequence[Any], text: str) -> list[torch.Tensor]:
    """Shapes and dtypes of the results, sizes perhaps symbolic."""
    kernel = launcher(text).kernel
    known = dict(zip(kernel.symbols, sizes, strict=True))
    device = inputs[0].device
    return [torch.empty([value_of(e, known) for e in o.shape], dtype=DTYPES[o.dtype], device=device) for o in kernel.outputs]


def define() -> Any:
    """The op, defined once in a process."""
    library: Any = torch.library.Library(NAMESPACE, "DEF")
    library.define(
        "kernel(Tensor[] inputs, SymInt[] sizes, str text) -> Tensor[]",
        tags=(torch.Tag.pt2_compliant_tag, torch.Tag.flexible_layout),
    )
    library.impl("kernel", launch, "CUDA")
    library.impl("kernel", launch_on_cpu, "CPU")
    torch.library.register_fake(f"{NAMESPACE}::kernel", results, lib=library)  # pyright: ignore[reportUnknownMemberType]
    return library


LIBRARY = define()
KERNEL: Any = getattr(torch.ops, NAMESPACE).kernel.default
