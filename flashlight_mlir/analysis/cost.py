"""What it costs to compute a value again, against storing it once.

A producer inside a kernel is computed once for each tile of the kernel's grid dims that it lacks. Storing it costs a write, a
read and a launch. ``Choice`` holds the numbers, and its text is what the remark prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import FixedBitwidthType
from xdsl.ir import Operation, SSAValue

from flashlight_mlir.analysis.sizes import nominal, points
from flashlight_mlir.dialects.loop import ContractOp, LoadOp, ReduceOp, dims_of
from flashlight_mlir.dialects.pointwise import PointwiseOp
from flashlight_mlir.dialects.tensor_ext import TensorType
from flashlight_mlir.expr import Expr
from flashlight_mlir.machine import DEFAULT

CONTRACT_RATE = 4e14
"""Floating-point operations per second of contractions."""
POINTWISE_RATE = 3e13
"""… and of everything else."""
FLAT = 8
"""Instructions of a product for each point: for both factors an address, a load and a conversion, then a product and a sum."""
BANDWIDTH = 3e12
"""Bytes per second to and from memory."""
LAUNCH = 2e-6
"""Seconds that one more kernel takes before it does anything."""
WHOLE = 256
"""A constant dim up to here is covered by one tile."""
ROWS = 128
"""Rows that a program has."""
PROGRAMS = DEFAULT.processors
"""Programs that the machine runs at a time: a kernel of fewer leaves the rest of it idle."""


def is_whole(extent: Expr) -> bool:
    return extent.constant is not None and extent.constant <= WHOLE


def bytes_of(type: TensorType) -> int:
    """Bytes of a tensor, nominally."""
    width = type.element_type.size if isinstance(type.element_type, FixedBitwidthType) else 8
    total = width
    for size in type.shape:
        total *= nominal(size)
    return total


def row_dim(dims: Iterable[str], extents: Mapping[str, Expr]) -> str:
    """The dim whose tile has many rows: the longest, and of those the last."""
    return max(enumerate(dims), key=lambda p: (nominal(extents[p[1]]), p[0]))[1]


def programs(extent: Expr, role: str) -> int:
    """Programs along a grid dim: one for each element of a batch dim, else one for each tile."""
    if role == "batch":
        return nominal(extent)
    if role != "row" and is_whole(extent):
        return 1
    return -(-nominal(extent) // ROWS)


def cone(values: Iterable[SSAValue]) -> set[Operation]:
    """The ops that ``values`` are computed from."""
    seen: set[Operation] = set()
    stack = [v.owner for v in values]
    while stack:
        op = stack.pop()
        if isinstance(op, Operation) and op not in seen:
            seen.add(op)
            stack.extend(v.owner for v in op.operands)
    return seen


def seconds(ops: Iterable[Operation], extents: Mapping[str, Expr], trips: Mapping[str, int]) -> float:
    """Time to compute ``ops`` of a flat kernel where each is repeated for the grid dims that it lacks; ``ops`` are in order."""
    total, busy = 0.0, min(1.0, prod(trips.values()) / PROGRAMS)
    data: set[SSAValue] = set()
    for op in ops:
        if not isinstance(op, LoadOp) and not any(v in data for v in op.operands):
            continue  # masks and positions cost nothing
        data.update(op.results)
        if not isinstance(op, ContractOp | ReduceOp | PointwiseOp):
            continue
        dims = {d for v in (*op.operands, *op.results) for d in dims_of(v.type)}
        count = float(points(dims, dict(extents)))
        for d, trip in trips.items():
            count *= 1 if d in dims else trip
        if isinstance(op, ContractOp):
            flat = is_flat(op) and reads_again(op, extents)
            total += FLAT * count / POINTWISE_RATE if flat else 2 * count / CONTRACT_RATE
        else:
            total += count / POINTWISE_RATE
    return total / busy


def is_flat(op: ContractOp) -> bool:
    """One factor has every dim of the other: no product of matrices, but a product for each point and a sum."""
    left, right = set(dims_of(op.lhs.type)), set(dims_of(op.rhs.type))
    return left <= right or right <= left


def reads_again(op: ContractOp, extents: Mapping[str, Expr]) -> bool:
    """A factor that is loaded has fewer elements than points: a product of matrices would read each once."""
    for side in (op.lhs, op.rhs):
        owner = side.owner
        while isinstance(owner, PointwiseOp) and len(owner.args) == 1:
            owner = owner.args[0].owner
        if isinstance(owner, LoadOp) and isinstance(owner.source.type, TensorType):
            elements = prod(map(nominal, owner.source.type.shape))
            if elements < points(set(dims_of(side.type)), dict(extents)):
                return True
    return False


@dataclass(frozen=True)
class Choice:
    """The price of one producer: ``again`` seconds more if it is fused, ``stored`` seconds if it is kept in memory."""

    once: float
    fused: float
    bytes: int

    @property
    def again(self) -> float:
        return max(0.0, self.fused - self.once)

    @property
    def stored(self) -> float:
        return 2 * self.bytes / BANDWIDTH + LAUNCH

    @property
    def cut(self) -> bool:
        return self.again > self.stored

    def __str__(self) -> str:
        factor = self.fused / self.once if self.once else 1.0
        return (
            f"fused it is computed {factor:.3g} times ({self.again * 1e6:.3g} µs more), "
            f"stored it takes {self.bytes / 2**20:.3g} MiB ({self.stored * 1e6:.3g} µs)"
        )
