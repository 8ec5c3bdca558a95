"""What a compiled program tells of itself: its kernels, what is stored between them, and a summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from xdsl.dialects import arith, func
from xdsl.ir import Operation, SSAValue

from flashlight_mlir.diagnostics import Remark, render
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.interpreters.frame import value_of
from flashlight_mlir.interpreters.pointwise import dtype_of

VIEWS = (tx.BroadcastOp, tx.ReshapeOp, tx.SliceOp, tx.TransposeOp)


@dataclass(frozen=True)
class Kernel:
    name: str
    source: str
    """A Triton function."""
    dims: Mapping[str, str]
    """Each dim: its extent, and how the schedule covers it."""


@dataclass(frozen=True)
class Intermediate:
    """A tensor that one op of the host program stores and another reads."""

    shape: tuple[int | str, ...]
    dtype: torch.dtype
    producer: str

    def __str__(self) -> str:
        return f"{list(self.shape)} {str(self.dtype).removeprefix('torch.')} by {self.producer}".replace("'", "")


def stored(function: func.FuncOp) -> Iterator[SSAValue]:
    """Values of the host function that take memory, its results apart: a view takes none."""
    last = function.body.block.last_op
    returned: set[SSAValue] = {_root(v) for v in last.operands} if last else set()
    for op in function.body.block.ops:
        if isinstance(op, (*VIEWS, arith.ConstantOp, func.ReturnOp)):
            continue
        yield from (v for v in op.results if isinstance(v.type, tx.TensorType) and v not in returned)


def _root(value: SSAValue) -> SSAValue:
    while isinstance(op := value.owner, VIEWS):
        value = op.source
    return value


def intermediates(function: func.FuncOp) -> list[Intermediate]:
    out: list[Intermediate] = []
    for value in stored(function):
        type, op = tx.type_of(value), value.owner
        assert isinstance(op, Operation)
        name = getattr(op, "sym_name", None) or (op.callee.root_reference if isinstance(op, func.CallOp) else None)
        shape = tuple(str(e) if e.constant is None else e.constant for e in type.shape)
        out.append(Intermediate(shape, dtype_of(type.element_type, native=True), name.data if name else op.name))
    return out


def stored_bytes(function: func.FuncOp, sizes: Mapping[str, int]) -> int:
    """Bytes of everything that the host function stores, its results apart."""
    types = [tx.type_of(v) for v in stored(function)]
    return sum(prod(int(value_of(e, sizes)) for e in t.shape) * dtype_of(t.element_type, native=True).itemsize for t in types)


def summary(name: str, target: str, kernels: Sequence[Kernel], between: Sequence[Intermediate], remarks: Sequence[Remark]) -> str:
    """A page that a person reads: what became of the function, kernel by kernel."""
    n = len(kernels)
    lines = [f"{name}: {n} kernel{'s' * (n != 1)} for {target}"]
    for kernel in kernels:
        lines.append(f"\n  @{kernel.name}  ({len(kernel.source.splitlines())} lines of Triton)")
        width = max(map(len, kernel.dims), default=0)
        lines += [f"    {dim:{width}}  {how}" for dim, how in kernel.dims.items()]
    lines.append("\n  stored between kernels: " + ("nothing" if not between else ""))
    lines += [f"    {i}" for i in between]
    if remarks:
        lines.append("\n  remarks")
        lines += [f"    {render(r)}" for r in remarks]
    return "\n".join(lines)
