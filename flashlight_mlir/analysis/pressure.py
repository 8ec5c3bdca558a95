"""What a program holds at once: registers of its tiles, and shared memory of the operands of its contractions."""

from __future__ import annotations

from math import prod

from xdsl.dialects.builtin import AnyFloat, Float32Type
from xdsl.ir import Attribute, Operation

from flashlight_mlir.analysis.products import is_dot
from flashlight_mlir.dialects.loop import ContractOp, FoldOp, KernelOp, LoadOp, Schedule, dims_of
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.machine import Machine


def count(type: Attribute, sizes: dict[str, int]) -> int:
    """Elements of a tile."""
    return prod(sizes[d] for d in dims_of(type))


def words(type: Attribute, sizes: dict[str, int]) -> float:
    """32-bit registers that a tile takes: a half for 16-bit floats, else one (indices and masks are computed where they are used)."""
    element = element_of(type)
    narrow = isinstance(element, AnyFloat) and element.bitwidth == 16
    return count(type, sizes) / (2 if narrow else 1)


def footprint(kernel: KernelOp, sizes: dict[str, int]) -> int:
    """Elements in registers at once: the largest state of a fold, and the largest value beside it."""
    states = [sum(count(t, sizes) for t in op.outputs.types) for op in kernel.body.walk() if isinstance(op, FoldOp)]
    values = [count(r.type, sizes) for op in kernel.body.walk() if not isinstance(op, FoldOp) for r in op.results]
    return max(states, default=0) + max(values, default=0)


def registers(kernel: KernelOp, schedule: Schedule, sizes: dict[str, int], gpu: Machine) -> float:
    """32-bit registers for tiles at once, of all threads: a fold's state, and in its step the largest value and the largest
    computed operand. Values with the dims of a carried one take its place, and so does what comes after the fold.

    Loads that only matrix instructions read stay in shared memory; where those do not read it, those that last for
    the whole fold are held in registers too. A contraction that is no dot holds the product that it sums.
    """
    results = [(op, r) for op in kernel.body.walk() if not isinstance(op, FoldOp) for r in op.results]
    dots = {op for op, _ in results if isinstance(op, ContractOp) and is_dot(op, sizes)}
    multiplied = {r for _, r in results if r.uses and all(use.operation in dots for use in r.uses)}
    steps: dict[FoldOp | None, list[float]] = {}
    operands: dict[FoldOp | None, list[float]] = {}
    held = 0.0
    for op, r in results:
        fold = enclosing(op)
        if isinstance(op, ContractOp) and op not in dots:
            joint = {d for v in op.operands for d in dims_of(v.type)}
            steps.setdefault(fold, []).append(float(prod(sizes[d] for d in joint)))
        if fold is not None and dims_of(r.type) in carried(fold):
            continue
        if r not in multiplied:
            steps.setdefault(fold, []).append(words(r.type, sizes))
        elif not isinstance(op, LoadOp):
            operands.setdefault(fold, []).append(words(r.type, sizes))
        elif not gpu.reads_shared and all(schedule.role(d) != "stream" for d in dims_of(r.type)):
            held += words(r.type, sizes)
    return held + max(
        (
            state(fold, sizes) + max(steps.get(fold, []), default=0.0) + max(operands.get(fold, []), default=0.0)
            for fold in {*steps, *operands}
        ),
        default=0.0,
    )


def enclosing(op: Operation) -> FoldOp | None:
    """The fold that an op is part of."""
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, FoldOp):
        parent = parent.parent_op()
    return parent


def carried(fold: FoldOp) -> set[tuple[str, ...]]:
    """The dims of each value that a fold carries."""
    return {dims_of(t) for t in fold.outputs.types}


def state(fold: FoldOp | None, sizes: dict[str, int]) -> float:
    """Registers of what a fold, and those around it, carry."""
    return 0.0 if fold is None else sum(words(t, sizes) for t in fold.outputs.types) + state(enclosing(fold), sizes)


def shared_bytes(kernel: KernelOp, schedule: Schedule, sizes: dict[str, int], stages: int) -> int:
    """Shared memory of the operands of contractions: streamed ones once a stage, the others once."""
    total = 0
    for op in kernel.body.walk():
        if isinstance(op, LoadOp):
            streamed = any(schedule.role(d) == "stream" for d in dims_of(op.result.type))
            multiplied = any(isinstance(use.operation, ContractOp) for use in op.result.uses)
            width = 4 if isinstance(element_of(op.result.type), Float32Type) else 2
            total += count(op.result.type, sizes) * width * (stages if streamed else 1 if multiplied else 0)
    return total
