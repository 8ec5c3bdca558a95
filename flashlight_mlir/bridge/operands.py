"""What a kernel reads in blocks lies in memory so that the lanes of a block are neighbours.

A bias [q, k, heads] that a program permutes to [heads, q, k] has heads innermost: each of its lanes would fetch a sector of
memory for one number. Inductor writes it in the other order at once, or copies it where it is not Inductor's to write.
"""

from __future__ import annotations

from collections.abc import Set
from math import prod
from typing import Any

import torch
from torch._inductor import inductor_prims

from flashlight_mlir.bridge.nodes import hint
from flashlight_mlir.dialects.block import KernelOp, LoadOp

ORDERED: Any = inductor_prims.force_stride_order
"""``(x, strides)``: x with these strides; Inductor's op to ask for a layout."""


SMALL = 2**16
"""Elements that stay in a cache however they lie."""


def lane_axes(kernel: KernelOp) -> list[Set[int]]:
    """For each tensor that a kernel reads, the axes that vary inside of a block."""
    axes: dict[Any, set[int]] = {}
    for op in kernel.body.walk():
        if isinstance(op, LoadOp):
            axes.setdefault(op.source, set()).update(op.axes)
    return [axes.get(arg, set()) for arg in kernel.body.block.args]


def readable(x: torch.Tensor, lanes: Set[int]) -> torch.Tensor:
    """``x``, or, where its innermost axis is no lane, the same with the last of its lanes innermost."""
    axes = [a for a in range(x.dim()) if formula(x.shape[a]) != "1"]
    strides = {a: formula(x.stride(a)) for a in axes}
    inner = [a for a in axes if strides[a] == "1"]
    lanes = lanes & set(axes)
    if not lanes or not inner or inner[0] in lanes or "0" in strides.values() or prod(map(hint, x.shape)) <= SMALL:
        return x
    step: Any = 1
    given = list[Any](x.shape)
    for axis in (max(lanes), *(a for a in reversed(range(x.dim())) if a != max(lanes))):
        given[axis] = step
        step = step * x.shape[axis]
    return ORDERED(x, given)


def formula(size: Any) -> str:
    """A size or stride as text: to compare these leaves no guard."""
    symbolic: Any = size
    return str(symbolic.node.expr if isinstance(size, torch.SymInt) else size)
