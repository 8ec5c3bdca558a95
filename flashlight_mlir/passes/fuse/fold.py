"""Compute all reductions over a streamed dim in one loop over its chunks, in units that move as the loop goes.

Before:

    func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
      %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
        %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
        %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
        %c = pointwise.sub %s, %m : !loop.tile<i, j : f32>
        %p = pointwise.exp %c : !loop.tile<i, j : f32>
        %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
        %g = pointwise.log %l : !loop.tile<i : f32>
        %o = pointwise.add %g, %m : !loop.tile<i : f32>
        loop.store %o, 0[i]
      } : !tensor_ext.tensor<S : f32>
      func.return %r : !tensor_ext.tensor<S : f32>
    }

After:

    …
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %2 : !loop.tile<i : f32>, %l0 = %1 : !loop.tile<i : f32>) {
      %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %3 = loop.reduce max %s over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %3 : !loop.tile<i : f32>
      %4 = pointwise.eq %m1, %2 : !loop.tile<i : i1>
      %5 = pointwise.select %4, %1, %m1 : !loop.tile<i : f32>
      %c = pointwise.sub %s, %5 : !loop.tile<i, j : f32>
      %p = pointwise.exp %c : !loop.tile<i, j : f32>
      %6 = loop.reduce sum %p over [j] : !loop.tile<i : f32>
      %7 = pointwise.sub %m0, %5 : !loop.tile<i : f32>
      %8 = pointwise.exp %7 : !loop.tile<i : f32>
      %9 = pointwise.mul %l0, %8 : !loop.tile<i : f32>
      %l1 = pointwise.add %9, %6 : !loop.tile<i : f32>
      loop.yield %m1, %l1
    } combine (%mA, %lA), (%mB, %lB) {
      %10 = pointwise.max %mA, %mB : !loop.tile<i : f32>
      %11 = pointwise.eq %10, %2 : !loop.tile<i : i1>
      %12 = pointwise.select %11, %1, %10 : !loop.tile<i : f32>
      %13 = pointwise.sub %mA, %12 : !loop.tile<i : f32>
      %14 = pointwise.exp %13 : !loop.tile<i : f32>
      %15 = pointwise.mul %lA, %14 : !loop.tile<i : f32>
      %16 = pointwise.sub %mB, %12 : !loop.tile<i : f32>
      %17 = pointwise.exp %16 : !loop.tile<i : f32>
      %18 = pointwise.mul %lB, %17 : !loop.tile<i : f32>
      %19 = pointwise.add %15, %18 : !loop.tile<i : f32>
      loop.yield %10, %19
    }
    %20 = pointwise.eq %m, %2 : !loop.tile<i : i1>
    %g = pointwise.log %l : !loop.tile<i : f32>
    %o = pointwise.add %g, %m : !loop.tile<i : f32>
    %21 = pointwise.select %20, %0, %o : !loop.tile<i : f32>
    loop.store %21, 0[i]
    …

The last select: in a row of -inf alone the program says NaN (``analysis/empty.py``).
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
    live = frozenset[Term]().union(*(term.below for _, term in stores))
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
