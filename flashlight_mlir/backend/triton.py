"""Print block kernels as Triton source: identifiers are numbers, no text of the input gets through.

Parameters of a printed kernel: for each tensor a pointer ``p0`` and strides ``s0_0, s0_1, …``, inputs first, results after
them (``o0`` is the first result's number, its pointer ``p<n>``); then sizes ``z0, …``; then ``WIDE``: index arithmetic in 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.backend.body import BodyPrinter, describe
from flashlight_mlir.backend.source import HEADER, KernelSource, helpers, prelude
from flashlight_mlir.backend.whitelist import check
from flashlight_mlir.dialects import block as blk
from flashlight_mlir.dialects.tensor_ext import TensorType
from flashlight_mlir.expr import Expr


def symbols_of(kernel: blk.KernelOp) -> tuple[str, ...]:
    """Size symbols in order of appearance in the kernel's interface, then in its body."""
    found: dict[str, None] = {}

    def visit(expr: Expr) -> None:
        found.update(dict.fromkeys(sorted(n for n in expr.names if n[0].isupper())))

    for type in (*kernel.inputs.types, *kernel.outputs.types):
        assert isinstance(type, TensorType)
        for size in type.shape:
            visit(size)
    for expr in kernel.grid:
        visit(expr)
    for op in kernel.body.walk():
        if isinstance(op, blk.IndexOp):
            visit(op.expr.data)
    return tuple(found)


def tensors(kernel: blk.KernelOp) -> Iterator[tuple[TensorType, list[blk.LoadOp | blk.StoreOp]]]:
    """Each tensor of the kernel, inputs then results, with the accesses to it."""
    accesses = [op for op in kernel.body.walk() if isinstance(op, blk.LoadOp | blk.StoreOp)]
    for arg in kernel.block.args:
        assert isinstance(arg.type, TensorType)
        yield arg.type, [op for op in accesses if isinstance(op, blk.LoadOp) and op.source is arg]
    for k, result in enumerate(kernel.outputs):
        assert isinstance(result.type, TensorType)
        yield result.type, [op for op in accesses if isinstance(op, blk.StoreOp) and op.number.value.data == k]


def print_kernel(kernel: blk.KernelOp, number: int = 0) -> KernelSource:
    """The Triton source of one kernel."""
    symbols = symbols_of(kernel)
    described = [describe(type, accesses) for type, accesses in tensors(kernel)]
    inputs = len(kernel.inputs)
    name = f"kernel_{number}"
    printer = BodyPrinter(kernel, symbols)
    lines = printer.body()
    source = KernelSource(
        name,
        "",
        tuple(described[:inputs]),
        tuple(described[inputs:]),
        symbols,
        kernel.grid,
        kernel.warps.value.data,
        kernel.stages.value.data,
        kernel.sym_name.data,
    )
    params = ", ".join(source.params) + ": tl.constexpr"
    text = f"@triton.jit\ndef {name}({params}):\n" + "\n".join(f"    {line}" for line in lines) + "\n"
    check(text, frozenset(prelude()))
    full = f"{HEADER}{helpers(printer.used)}\n\n{text}"
    return replace(source, source=full)


def kernels(module: ModuleOp) -> list[KernelSource]:
    """Every kernel of a module, printed."""
    found = [op for op in module.walk() if isinstance(op, blk.KernelOp)]
    return [print_kernel(op, k) for k, op in enumerate(found)]


def print_module(module: ModuleOp) -> str:
    """A runnable file with every kernel of the module."""
    return joined(kernels(module))


def joined(sources: Sequence[KernelSource]) -> str:
    """Several kernels as one file: each helper stands there once."""
    used: set[str] = set()
    bodies: list[str] = []
    for k in sources:
        body = k.source[k.source.index("\n\n@triton.jit\ndef kernel_") :]
        bodies.append(body)
        used |= set(re.findall(r"(?<![\w.])[a-z]\w*", body)) & prelude().keys()
    return HEADER + helpers(used) + "".join(bodies)
