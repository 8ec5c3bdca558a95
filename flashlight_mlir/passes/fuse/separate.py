"""Move everything that a reduction reads of earlier reductions over the same dim out of it, by the laws of ``laws.py``.

Before:

    func.func @f(%x: !tensor_ext.tensor<S, T : f32>, %y: !tensor_ext.tensor<T, 64 : f32>) -> !tensor_ext.tensor<S, 64 : f32> {
      %r = loop.kernel @k(%X = %x, %Y = %y) dims [i = S, j = T, e = 64] {
        %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
        %v = loop.load %Y[j, e] : !loop.tile<j, e : f32>
        %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
        %c = pointwise.sub %s, %m : !loop.tile<i, j : f32>
        %p = pointwise.exp %c : !loop.tile<i, j : f32>
        %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
        %n = pointwise.div %p, %l : !loop.tile<i, j : f32>
        %o = loop.contract %n, %v over [j] : !loop.tile<i, e : f32>
        loop.store %o, 0[i, e]
      } : !tensor_ext.tensor<S, 64 : f32>
      func.return %r : !tensor_ext.tensor<S, 64 : f32>
    }

After:

    …
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %c = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %c : !loop.tile<i, j : f32>
    %v = loop.load %Y[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %p, %v over [j] : !loop.tile<i, e : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %o_1 = pointwise.div %o, %l : !loop.tile<i, e : f32>
    loop.store %o_1, 0[i, e]
    …

Now ``l`` and ``a`` see the maximum only as the unit of ``exp(s - m)``, and one pass over j can compute all three (``fold``).

Refuses when no finite sum ``c(r) * a(x)`` equals the summand (a remark names the op): the values stay, for a second pass.
Source: Flashlight (arXiv 2511.02043), RedFuser (arXiv 2603.10026).
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from flashlight_mlir.analysis.empty import corrected
from flashlight_mlir.analysis.separate import Refused
from flashlight_mlir.analysis.stages import Stages
from flashlight_mlir.analysis.streams import streamed_dims
from flashlight_mlir.analysis.terms import Pool, Term
from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects.loop import FoldOp, KernelOp, StoreOp
from flashlight_mlir.passes import laws
from flashlight_mlir.passes.fuse.emit import Emitter, Scope


def read(kernel: KernelOp, streamed: frozenset[str], flat: bool = False) -> tuple[Stages, list[tuple[StoreOp, Term]]]:
    """The separated term of every store of a flat kernel."""
    pool = Pool(tuple(kernel.dims))

    def refuse(t: Term, refused: Refused) -> None:
        owner = pool.origin[t].owner if t in pool.origin else None
        at = owner if isinstance(owner, Operation) else kernel
        dims = ", ".join(sorted(streamed.intersection(t.over)))
        text = f"{refused}: {at.name} needs another pass over {dims}"
        emit(Remark("separate", text, location_of(at), None, refused=True))

    stages = Stages(pool, streamed, laws.LAWS, refuse, flat)
    stores = [op for op in kernel.block.ops if isinstance(op, StoreOp)]
    return stages, [(store, corrected(stages, pool.of(store.value))) for store in stores]


def flat_kernels(module: ModuleOp) -> list[KernelOp]:
    """Kernels without a fold or a schedule yet."""
    kernels = (op for op in module.walk() if isinstance(op, KernelOp) and op.schedule is None)
    return [k for k in kernels if not any(isinstance(op, FoldOp) for op in k.block.ops)]


def replace_body(kernel: KernelOp, block: Block) -> None:
    """Make ``block``'s ops the kernel's body; they may use the kernel's arguments."""
    old = kernel.block
    for op in reversed(list(old.ops)):
        old.erase_op(op)
    for op in list(block.ops):
        op.detach()
        old.add_op(op)


def store(value: SSAValue, like: StoreOp) -> StoreOp:
    new = StoreOp(value, like.number.value.data, like.index)
    new.location = like.location
    return new


def separate_kernel(kernel: KernelOp, streamed: frozenset[str]) -> None:
    stages, stores = read(kernel, streamed, flat=True)
    if not stages.stage:
        return
    block = Block()
    emitter = Emitter(stages.pool, frozenset(), [Scope(block)])
    for like, term in stores:
        value = emitter.value(term)
        block.add_op(store(value, like))
    replace_body(kernel, block)


@dataclass(frozen=True)
class SeparatePass(ModulePass):
    """Reductions over a streamed dim see each other only through units; what else they read is hoisted."""

    name = "separate"
    dims: tuple[str, ...] | None = None
    """Stream these dims, whatever the policy says."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in flat_kernels(op):
            separate_kernel(kernel, streamed_dims(kernel, self.dims))
