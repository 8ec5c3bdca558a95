"""What must hold of a whole kernel: dims known and in order, folds closed over their dims, each result stored once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.ir import Attribute, Block, Operation
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import is_dim
from flashlight_mlir.dialects.loop.fold import FoldOp
from flashlight_mlir.dialects.loop.memory import LoadOp, StoreOp
from flashlight_mlir.dialects.loop.types import dims_of
from flashlight_mlir.dialects.tensor_ext import TensorType
from flashlight_mlir.expr import Expr


def verify_kernel(
    block: Block,
    dims: Mapping[str, Expr],
    inputs: Sequence[Attribute],
    outputs: Sequence[Attribute],
    planned: Sequence[str] | None,
) -> None:
    """``planned``: the dims of its schedule."""
    _verify_interface(block, dims, inputs, planned)
    order = {d: k for k, d in enumerate(dims)}
    stored: list[int] = []
    for op in block.walk():
        for result in [*op.results, *(a for r in op.regions for a in r.block.args)]:
            over = dims_of(result.type)
            if unknown := [d for d in over if d not in order]:
                raise VerifyException(f"{op.name} is over {', '.join(unknown)}, no dim of the kernel")
            if [order[d] for d in over] != sorted(order[d] for d in over):
                raise VerifyException(f"{op.name}: {result.type} has its dims in another order than the kernel")
        _verify_closed(op)
        if isinstance(op, FoldOp):
            names = {n for pair in op.ranges.values() for e in pair for n in e.names} | set(op.dims)
            if unknown := sorted(n for n in names if is_dim(n) and n not in order):
                raise VerifyException(f"loop.fold names {', '.join(unknown)}, no dim of the kernel")
        if isinstance(op, LoadOp | StoreOp):
            _verify_names(op, order)
        if isinstance(op, StoreOp):
            _verify_store(op, outputs)
            if not _chained(op):
                stored.append(op.number.value.data)
    if sorted(stored) != list(range(len(outputs))):
        raise VerifyException(f"each of the {len(outputs)} results is stored once; stored: {sorted(stored)}")


def _verify_interface(block: Block, dims: Mapping[str, Expr], inputs: Sequence[Attribute], planned: Sequence[str] | None) -> None:
    if list(block.arg_types) != list(inputs):
        raise VerifyException("a kernel's arguments have the types of its inputs")
    for dim, extent in dims.items():
        if not is_dim(dim) or any(not n[0].isupper() for n in extent.names):
            raise VerifyException(f"the extent of {dim} is an expression over size symbols, got {extent}")
        if extent.constant is not None and not 1 <= extent.constant < 2**31:
            raise VerifyException(f"the extent of {dim} is between 1 and 2**31 - 1, got {extent}")
    if planned is not None and list(planned) != list(dims):
        raise VerifyException("the schedule lists the kernel's dims in order")


def _verify_closed(op: Operation) -> None:
    """No value whose type names a fold's dims crosses its border."""
    if isinstance(op, FoldOp):
        inside = set(op.walk())
        for inner in inside:
            for operand in inner.operands:
                owner = operand.owner
                outside = owner not in inside if isinstance(owner, Operation) else owner.parent_op() not in inside
                if outside and set(dims_of(operand.type)) & set(op.dims):
                    raise VerifyException(f"a value over {', '.join(op.dims)} crosses the border of its fold")


def _verify_names(op: LoadOp | StoreOp, order: dict[str, int]) -> None:
    names = {n for i in op.index if isinstance(i, Expr) for n in i.names}
    if unknown := sorted(n for n in names if is_dim(n) and n not in order):
        raise VerifyException(f"{op.name} indexes by {', '.join(unknown)}, no dim of the kernel")


def _verify_store(op: StoreOp, outputs: Sequence[Attribute]) -> None:
    number = op.number.value.data
    if number >= len(outputs):
        raise VerifyException(f"loop.store writes result {number} of {len(outputs)}")
    type = outputs[number]
    assert isinstance(type, TensorType)
    if len(op.index) != len(type.shape):
        raise VerifyException(f"loop.store wants {len(type.shape)} indices, got {len(op.index)}")


def _chained(op: StoreOp) -> bool:
    """Stands in a later fold of a chain (full tiles, then mixed ones) that covers the same dims."""
    parent = op.parent_op()
    if not isinstance(parent, FoldOp):
        return False
    before = parent.prev_op
    while before is not None:
        if (
            isinstance(before, FoldOp)
            and before.dims == parent.dims
            and any(isinstance(o, StoreOp) and o.number == op.number for o in before.body.walk())
        ):
            return True
        before = before.prev_op
    return False
