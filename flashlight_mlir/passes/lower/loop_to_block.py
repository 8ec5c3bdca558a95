"""Turn a tiled kernel into a block program: one tile of each grid dim a program, loops over chunks of the streamed dims.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] schedule [b grid 1, i grid 64, d whole] warps 4 stages 2 {
        %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
        %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
        loop.store %1, 0[b, i]
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = block.kernel @k(%X = %x) programs [B, (S + 63) floordiv 64] warps 4 stages 2 {
        %0 = arith.constant 0 : index
        %1 = block.program : index
        %2 = block.index p mod ((S + 63) floordiv 64) (p = %1) : index
        %3 = block.index p floordiv ((S + 63) floordiv 64) (p = %1) : index
        %4 = block.index 64 * t (t = %2) : index
        %5 = block.iota : !block.tile<64 : index>
        %6 = block.index S : index
        %7 = block.iota : !block.tile<64 : index>
        %8 = block.expand %5 [1] : !block.tile<64, 1 : index>
        %9 = block.expand %7 [0] : !block.tile<1, 64 : index>
        %10 = pointwise.add %4, %5 : !block.tile<64 : index>
        %11 = pointwise.lt %10, %6 : !block.tile<64 : i1>
        %12 = block.expand %11 [1] : !block.tile<64, 1 : i1>
        %13 = block.load %X[%3, %4 + %8, %0 + %9] if %12 : !block.tile<64, 64 : f32>
        %14 = block.reduce sum %13 axis 1 : !block.tile<64 : f32>
        block.store %14, 0[%3, %4 + %5] if %11
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

Grid dims of size 1 and other dims of one lane are scalars, so their axis vanishes. A whole dim has the next power of two of
lanes. Lanes beyond a limit are masked (law T): loads read 0, stores leave them out, a reduction sees its identity, a
contraction sees 0 in both factors. Dims whose extent is a multiple of the tile, and ``full`` folds, have no mask.
An index that is a value has one: where it is outside of the tensor, the element reads 0 (``tests/test_bounds.py``).

Refuses when: a dim has no tile size, a whole dim is no constant, or a value has more elements than a block may.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint
from xdsl.traits import is_side_effect_free
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects import block as blk
from flashlight_mlir.dialects.loop import FoldOp, KernelOp
from flashlight_mlir.expr import Atom, Call, Expr, Name
from flashlight_mlir.passes.lower.dims import Dim, Unsupported, lane_counts
from flashlight_mlir.passes.lower.emit import Emitter
from flashlight_mlir.passes.lower.ops import lower_ops


def tiles(kernel: KernelOp) -> dict[str, tuple[int, Expr]]:
    """Tile size and extent of each grid dim, then the number of its tiles."""
    assert kernel.schedule
    return {p.dim: (p.size or 1, kernel.dims[p.dim]) for p in kernel.schedule.data.grid}


def count(size: int, extent: Expr) -> Expr:
    return extent if size == 1 else (extent + (size - 1)).floordiv(size)


def heavy_last(kernel: KernelOp, dim: str) -> bool:
    """Later tiles of ``dim`` visit more chunks: some fold ends at ``hi(dim)``."""

    def names_edge(expr: Expr) -> bool:
        return any(edge(a) for m, _ in expr.terms for a in m)

    def edge(a: Atom) -> bool:
        if isinstance(a, Name):
            return False
        return (a.fn == "hi" and a.args[0].name == dim) or any(map(names_edge, a.args))

    folds = (op for op in kernel.body.walk() if isinstance(op, FoldOp))
    return any(names_edge(high) for fold in folds for _, high in fold.ranges.values())


def place(em: Emitter) -> None:
    """Decode the program's number into the tile of each grid dim, the last one fastest; set up the dims.

    A dim whose later tiles are heavier is the slowest, from its end: the heaviest programs start first.
    """
    assert em.kernel.schedule
    zero = em.index(Expr(()))
    grid = tiles(em.kernel)
    left = em.add(blk.ProgramOp()).result
    bases: dict[str, SSAValue] = {}
    order = [d for d in grid if count(*grid[d]).constant != 1]
    order.sort(key=lambda d: not heavy_last(em.kernel, d))
    for k, dim in enumerate(reversed(order)):
        size, extent = grid[dim]
        n = count(size, extent)
        tile = left
        if k + 1 < len(order):
            p = Expr.of("p")
            tile = em.add(blk.IndexOp(p.mod(n), {"p": left})).result
            left = em.add(blk.IndexOp(p.floordiv(n), {"p": left})).result
        position = (n - 1 - Expr.of("t") if heavy_last(em.kernel, dim) else Expr.of("t")) * size
        bases[dim] = tile if position == Expr.of("t") else em.add(blk.IndexOp(position, {"t": tile})).result
    for plan in em.kernel.schedule.data.plans:
        if plan.role == "stream":
            continue
        name, extent = plan.dim, em.kernel.dims[plan.dim]
        lanes = em.add(blk.IotaOp(em.counts[name])).result if em.counts[name] > 1 else None
        base, end = bases.get(name, zero), em.index(extent)
        exact = extent.constant is not None and extent.constant % em.counts[name] == 0
        high = end
        if name in grid:
            top = Expr.of("t") + em.counts[name]
            top = top if exact or lanes is None else Expr.of(Call("min", (top, extent)))
            high = em.add(blk.IndexOp(top, {"t": base})).result
        em.dims[name] = Dim(name, em.counts[name], base, base, high, lanes, None if exact else end)


class LowerKernel(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: KernelOp, rewriter: PatternRewriter) -> None:
        if not op.schedule:
            return
        body = Block(arg_types=op.inputs.types)
        try:
            em = Emitter(op, lane_counts(op), InsertPoint.at_end(body))
            place(em)
            lower_ops(em, op.block, dict(zip(op.block.args, body.args, strict=True)))
        except (Unsupported, VerifyException) as why:
            emit(Remark("loop-to-block", str(why), location_of(op), refused=True))
            return
        for dead in reversed(list(body.walk())):
            if is_side_effect_free(dead) and not any(r.first_use for r in dead.results) and dead.results:
                dead.detach()
                dead.erase()
        for new, old in zip(body.args, op.block.args, strict=True):
            new.name_hint = old.name_hint
        grid = [count(*t) for t in tiles(op).values()]
        plan = op.schedule.data
        new_op = blk.KernelOp(
            op.sym_name.data, op.inputs, grid or [Expr.of(1)], Region(body), op.outputs.types, plan.warps, plan.stages
        )
        new_op.location = op.location
        rewriter.replace(op, new_op)


@dataclass(frozen=True)
class LoopToBlockPass(ModulePass):
    """Turn each tiled kernel into a block program."""

    name = "loop-to-block"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(LowerKernel(), apply_recursively=False).rewrite_module(op)
