"""Compute all reductions over a streamed dim in one loop over its chunks, in units that move as the loop goes.

Before:

    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %x = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %x : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>

After:

    %m, %l = loop.fold over [j] in [0, S) (%m0 = %ninf : !loop.tile<i : f32>, %l0 = %zero : !loop.tile<i : f32>) {
      %c = loop.reduce max %s over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %c : !loop.tile<i : f32>
      %none = pointwise.eq %m1, %ninf : !loop.tile<i : i1>
      %g = pointwise.select %none, %zero, %m1 : !loop.tile<i : f32>
      %d = pointwise.sub %m0, %g : !loop.tile<i : f32>
      %a = pointwise.exp %d : !loop.tile<i : f32>
      ...                                        // p in the new unit g
      %l1 = l0 * a + sum p
      loop.yield %m1, %l1
    } combine (%mA, %lA), (%mB, %lB) { ... }

What the laws do not separate, and stores of values over the dim, become further loops that recompute their inputs.
Refuses when a value is wanted outside of any loop over its dims (two reductions that each see the other's dim).
Source: Milakov and Gimelshein (arXiv 1805.02867), Chan, Golub and LeVeque (1979) for means, Flashlight (arXiv 2511.02043).
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block
from xdsl.passes import ModulePass

from flashlight_mlir.analysis.streams import streamed_dims
from flashlight_mlir.analysis.terms import Term
from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects.expr import is_dim
from flashlight_mlir.dialects.loop import KernelOp, StoreOp
from flashlight_mlir.passes.fuse.emit import CannotPlace, Scope
from flashlight_mlir.passes.fuse.loops import Folder
from flashlight_mlir.passes.fuse.separate import flat_kernels, read, replace_body, store


def stored_dims(like: StoreOp, streamed: frozenset[str]) -> tuple[str, ...]:
    """The streamed dims that a store runs over."""
    names = {n for e in like.index for n in e.names if is_dim(n)}
    return tuple(sorted(names & streamed))


def fold_kernel(kernel: KernelOp, streamed: frozenset[str]) -> None:
    stages, stores = read(kernel, streamed)
    live = frozenset().union(*(term.below for _, term in stores))
    folder = Folder(stages.pool, streamed, [Scope(Block())], stages, kernel.dims, live)
    try:
        emit_stores(folder, stores)
    except CannotPlace as error:
        folder.discard()
        emit(Remark("fold", str(error), location_of(kernel), None, refused=True))
        return
    replace_body(kernel, folder.scopes[0].block)


def emit_stores(folder: Folder, stores: list[tuple[StoreOp, Term]]) -> None:
    """All stores with what they need; those that run over streamed dims stand in last folds without a state."""
    last: dict[tuple[str, ...], list[tuple[StoreOp, Term]]] = {}
    for like, term in stores:
        if dims := stored_dims(like, folder.streamed):
            last.setdefault(dims, []).append((like, term))
        else:
            value = folder.value(term)
            folder.scopes[0].block.add_op(store(value, like))
    for dims, members in last.items():
        body = folder.open(dims)
        for like, term in members:
            value = folder.value(term)
            body.block.add_op(store(value, like))
        folder.close(dims, body, [], [])


@dataclass(frozen=True)
class FoldPass(ModulePass):
    """One loop over the chunks of a streamed dim computes every reduction over it that the laws allow."""

    name = "fold"
    dims: tuple[str, ...] | None = None
    """Stream these dims, whatever the policy says."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in flat_kernels(op):
            if streamed := streamed_dims(kernel, self.dims):
                fold_kernel(kernel, streamed)
