"""Give each dim of a kernel its role: ``grid``, ``stream`` or ``whole``.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] {
        %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
        %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
        loop.store %1, 0[b, i]
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] schedule [b grid, i grid, d whole] warps 4 stages 2 {
        %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
        %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
        loop.store %1, 0[b, i]
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

A dim of a fold is streamed; a dim reduced outside folds, or missing in some result, is whole; the others are grid dims, unless
a contraction that lacks the dim would be computed again in each of its tiles: then a short constant dim is whole.

Refuses when: a dim that has to be whole is no constant or passes the largest tile (the kernel then stays untiled).
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from flashlight_mlir.analysis.sizes import points
from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects.loop import (
    ContractOp,
    FoldOp,
    KernelOp,
    Plan,
    ReduceOp,
    Role,
    Schedule,
    ScheduleAttr,
    StoreOp,
    dims_of,
)

SHORT = 256
"""A dim up to here may be whole to save computing what lacks it."""
LARGEST = 8192
"""The most elements that one tile covers along a dim."""


def reduced_flat(kernel: KernelOp, streamed: set[str]) -> set[str]:
    """Dims that a reduction outside of their fold runs over."""
    ops = (op for op in kernel.body.walk() if isinstance(op, ReduceOp | ContractOp))
    return {d for op in ops for d in op.dims} - streamed


def recomputes(kernel: KernelOp, dim: str) -> bool:
    """A contraction that lacks ``dim`` costs a good part of the kernel's work."""
    work = [(set(dims_of(op.lhs.type)) | set(dims_of(op.rhs.type))) for op in kernel.body.walk() if isinstance(op, ContractOp)]
    costs = [points(dims, kernel.dims) for dims in work]
    return any(dim not in dims and 4 * cost >= max(costs) for dims, cost in zip(work, costs, strict=True))


def roles(kernel: KernelOp) -> dict[str, Role]:
    """The role of each dim (see the module's docstring)."""
    streamed = {d for op in kernel.body.walk() if isinstance(op, FoldOp) for d in op.dims}
    whole = reduced_flat(kernel, streamed)
    stores = [{n for e in op.index for n in e.names} for op in kernel.body.walk() if isinstance(op, StoreOp)]
    out: dict[str, Role] = {}
    for dim, extent in kernel.dims.items():
        short = extent.constant is not None and extent.constant <= SHORT
        if dim in streamed:
            out[dim] = "stream"
        elif dim in whole or not all(dim in s for s in stores) or (short and recomputes(kernel, dim)):
            out[dim] = "whole"
        else:
            out[dim] = "grid"
    return out


class AssignRoles(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: KernelOp, rewriter: PatternRewriter) -> None:
        if op.schedule:
            return
        found = roles(op)
        for dim, role in found.items():
            extent = op.dims[dim].constant
            if role == "whole" and (extent is None or extent > LARGEST):
                text = f"dim {dim} = {op.dims[dim]} has to be covered by one tile, which holds at most {LARGEST}"
                emit(Remark("assign-roles", text, location_of(op), "specialise the size", True))
                return
        op.schedule = ScheduleAttr(Schedule(tuple(Plan(d, r) for d, r in found.items())))
        rewriter.notify_op_modified(op)


@dataclass(frozen=True)
class AssignRolesPass(ModulePass):
    """Give each dim of a kernel its role: grid, stream or whole."""

    name = "assign-roles"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([AssignRoles()]), apply_recursively=False).rewrite_module(op)
