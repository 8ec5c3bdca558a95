"""Turn a group of tensor ops into a flat kernel over named dims: every view becomes an index.

Before:
    func.func @f(%q: !tensor_ext.tensor<B, S, 64 : f32>, %k: !tensor_ext.tensor<B, T, 64 : f32>) -> !tensor_ext.tensor<B, S, T : f32> {
      %r = tensor_ext.group @k0(%Q = %q, %K = %k) {
        %t = tensor_ext.transpose %K [0, 2, 1] : !tensor_ext.tensor<B, 64, T : f32>
        %s = tensor_ext.contract %Q[b, i, d], %t[b, d, j] -> [b, i, j] : !tensor_ext.tensor<B, S, T : f32>
        tensor_ext.yield %s
      } : !tensor_ext.tensor<B, S, T : f32>
      func.return %r : !tensor_ext.tensor<B, S, T : f32>
    }

After:
    func.func @f(%q: !tensor_ext.tensor<B, S, 64 : f32>, %k: !tensor_ext.tensor<B, T, 64 : f32>) -> !tensor_ext.tensor<B, S, T : f32> {
      %r = loop.kernel @k0(%Q = %q, %K = %k) dims [b = B, i = S, j = T, d = 64] {
        %0 = loop.load %Q[b, i, d] : !loop.tile<b, i, d : f32>
        %1 = loop.load %K[b, j, d] : !loop.tile<b, j, d : f32>
        %2 = loop.contract %0, %1 over [d] : !loop.tile<b, i, j : f32>
        loop.store %2, 0[b, i, j]
      } : !tensor_ext.tensor<B, S, T : f32>
      func.return %r : !tensor_ext.tensor<B, S, T : f32>
    }

The axes of each result are named, and the index is pulled back through every op; (value, index) pairs are computed once, and a
value used at two indices is two instances. A reduction binds a name that is not free where it stands, a used one where that may
let values be shared. Identifying axes instead is unsound: it would compute the diagonal of ``x xᵀ``.
Refuses when: nothing; an index that stays ``floordiv`` or ``mod`` is a load that gathers.
Source: docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from flashlight_mlir.dialects.loop import KernelOp
from flashlight_mlir.dialects.tensor_ext import GroupOp, YieldOp
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.naming import name_dims
from flashlight_mlir.passes.fuse.substitution import Substitution


def emit_group(group: GroupOp, block: Block, names: list[str], order: dict[str, Expr] | None) -> Substitution:
    """The group's results as loop ops in an emitter that loads from ``block``'s arguments."""
    args = dict(zip(group.body.block.args, block.args, strict=True))

    def leaf(value: SSAValue) -> SSAValue | None:
        return args.get(value)  # pyright: ignore[reportArgumentType]

    emitter = Substitution(leaf, names, order)
    emitter.block = block
    last = group.body.block.last_op
    assert isinstance(last, YieldOp)
    for number, value in enumerate(last.values):
        emitter.root(value, number)
    return emitter


def kernel_block(group: GroupOp) -> Block:
    block = Block(arg_types=group.body.block.arg_types)
    for new, old in zip(block.args, group.body.block.args, strict=True):
        new.name_hint = old.name_hint
    return block


class SubstituteIndices(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter) -> None:
        names, order = name_dims(emit_group(op, kernel_block(op), [], None))
        block = kernel_block(op)
        emit_group(op, block, names, order)
        kernel = KernelOp(op.sym_name.data, op.inputs, order, Region(block), op.outputs.types)
        kernel.location = op.location
        rewriter.replace(op, kernel)


@dataclass(frozen=True)
class SubstituteIndicesPass(ModulePass):
    """Turn each group of tensor ops into a flat kernel: views become indices."""

    name = "substitute-indices"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([SubstituteIndices()]), apply_recursively=False).rewrite_module(op)
