"""Which dims a kernel streams (loops over in chunks) and which it holds whole: the one policy."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.ir import Operation

from flashlight_mlir.dialects.loop import ContractOp, KernelOp, LoadOp, ReduceOp, dims_of
from flashlight_mlir.dialects.pointwise import PointwiseOp

WHOLE_CONTRACTED = 256
"""A constant extent up to this is whole if only contractions of plain loads reduce over it (head dims), or inside another loop."""
WHOLE_SHORT = 16
"""A constant extent up to this is whole whatever reduces over it: no tile is smaller."""
WHOLE_ROW = 4096
"""A constant extent up to this is whole in a kernel that contracts nothing over it (a row that fits a tile)."""


def reductions(kernel: KernelOp) -> Iterator[ReduceOp | ContractOp]:
    return (op for op in kernel.body.walk() if isinstance(op, ReduceOp | ContractOp))


def _plain(op: Operation | object) -> bool:
    """A load, maybe cast."""
    while isinstance(op, PointwiseOp) and op.ROW.name == "cast":
        op = op.args[0].owner
    return isinstance(op, LoadOp)


def is_whole(kernel: KernelOp, dim: str) -> bool:
    """One tile covers the dim, so that no loop over it is needed."""
    extent = kernel.dims[dim].constant
    users = [op for op in reductions(kernel) if dim in op.dims]
    if not users:
        return True
    if extent is None or extent <= WHOLE_SHORT:
        return extent is not None
    contracts = [op for op in users if isinstance(op, ContractOp)]
    if len(contracts) == len(users):
        return extent <= WHOLE_CONTRACTED and all(_plain(v.owner) for op in contracts for v in op.operands)
    return not contracts and extent <= WHOLE_ROW


def is_inner(kernel: KernelOp, dim: str, streamed: set[str]) -> bool:
    """A reduction over ``dim`` stands inside the loop over another streamed dim: a loop of its own would run at each step."""
    results = (set(dims_of(op.result.type)) for op in reductions(kernel) if dim in op.dims)
    return any(dims & (streamed - {dim}) for dims in results)


def streamed_dims(kernel: KernelOp, override: tuple[str, ...] | None = None) -> frozenset[str]:
    """The dims that a fold runs over: ``override``, or those that a reduction reduces and no tile covers."""
    if override is not None:
        return frozenset(override) & kernel.dims.keys()
    streamed = {d for d in kernel.dims if not is_whole(kernel, d)}
    short = {d: n for d in streamed if (n := kernel.dims[d].constant) is not None and n <= WHOLE_CONTRACTED}
    for dim in sorted(short, key=lambda d: short[d]):
        if is_inner(kernel, dim, streamed):
            streamed.remove(dim)
    return frozenset(streamed)
