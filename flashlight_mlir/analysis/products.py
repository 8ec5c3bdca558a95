"""Which contractions are matrix products (dots) of two blocks; the others are a product over all dims, then a sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xdsl.dialects.builtin import BFloat16Type, Float16Type, Float32Type

from flashlight_mlir.dialects.loop import ContractOp, KernelOp, dims_of
from flashlight_mlir.dialects.syntax import element_of

SHORTEST = 16
"""A dot contracts at least so many lanes."""


def is_matrix(op: ContractOp, counts: Mapping[str, int]) -> bool:
    """Each factor has one axis of its own, and both have the one that is contracted; a dim of one lane is no axis."""
    left, right = ({d for d in dims_of(v.type) if counts[d] > 1} for v in (op.lhs, op.rhs))
    over = {d for d in op.dims if counts[d] > 1}
    floats = isinstance(element_of(op.lhs.type), Float16Type | BFloat16Type | Float32Type)
    return floats and len(left - right) == len(right - left) == len(over) == 1 and left & right == over


def is_dot(op: ContractOp, counts: Mapping[str, int]) -> bool:
    """A product that matrix instructions compute."""
    return is_matrix(op, counts) and all(counts[d] == 1 or counts[d] >= SHORTEST for d in op.dims)


def widened(kernel: KernelOp, counts: Mapping[str, int], whole: Iterable[str]) -> dict[str, int]:
    """``counts`` with the ``whole`` dims as long as the dots that contract them need."""
    contracts = [op for op in kernel.body.walk() if isinstance(op, ContractOp)]
    short = [d for d in whole if 1 < counts[d] < SHORTEST]
    return {**counts, **{d: SHORTEST for d in short if any(d in op.dims and is_matrix(op, counts) for op in contracts)}}
