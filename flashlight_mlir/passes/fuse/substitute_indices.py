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
value used at two indices is two instances. Reductions take fresh dims. Identifying axes instead is unsound: it would
compute the diagonal of ``x xᵀ``.
Refuses when: nothing; an index that stays ``floordiv`` or ``mod`` is a load that gathers.
Source: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

from flashlight_mlir.analysis.cost import row_dim
from flashlight_mlir.dialects.loop import ContractOp, KernelOp, LoadOp, dims_of
from flashlight_mlir.dialects.tensor_ext import GroupOp, YieldOp
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.merge_dims import carried, find_merges
from flashlight_mlir.passes.fuse.substitution import Substitution

POOLS: dict[str, str] = {"batch": "bhgpqr", "row": "i", "column": "jkl", "head": "eduvw", "inner": "dc", "stream": "jklmn"}
"""Names for the dims, by what they do."""
RANK = ("batch", "row", "column", "stream", "inner", "head")


def emit_group(group: GroupOp, block: Block, names: list[str], order: dict[str, Expr] | None) -> Substitution:
    """The group's results as loop ops in an emitter that loads from ``block``'s arguments."""
    args = dict(zip(group.body.block.args, block.args, strict=True))

    def leaf(value: SSAValue) -> SSAValue | None:
        return args.get(value)  # pyright: ignore[reportArgumentType, reportCallIssue]

    emitter = Substitution(leaf, names, order)
    emitter.block = block
    last = group.body.block.last_op
    assert isinstance(last, YieldOp)
    for number, value in enumerate(last.values):
        emitter.root(value, number)
    return emitter


def dim_roles(emitter: Substitution) -> dict[str, str]:
    """What each dim does, told by the contractions and the loads: a key of ``POOLS``."""
    merged = find_merges(list(emitter.block.ops), emitter.dims)

    def same(dims: Iterable[str]) -> set[str]:
        return {merged.get(d, d) for d in dims}

    inner = same(d for d in emitter.dims if d not in emitter.roots)
    roots = [d for d in dict.fromkeys(emitter.roots) if d not in merged and d not in inner]
    roles = {d: "stream" for d in emitter.dims if d not in merged and d not in roots}
    contracts = [op for op in emitter.block.ops if isinstance(op, ContractOp)]
    loads = [same(carried(op)) for op in emitter.block.ops if isinstance(op, LoadOp)]
    for op in contracts:
        plain = all(isinstance(a.owner, LoadOp) for a in (op.lhs, op.rhs))
        if plain:
            roles |= {d: "inner" for d in same(op.dims) if d not in roots}
        for d in same(dims_of(op.rhs.type)) & same(dims_of(op.result.type)) & set(roots):
            if d not in same(dims_of(op.lhs.type)):
                roles[d] = "column" if plain else "head"
    left = [d for d in roots if d not in roles]
    rows = row_dim(left, emitter.dims) if left else None
    for d in left:
        apart = not contracts and any(rows not in m for m in loads if d in m) and any(d not in m for m in loads if rows in m)
        roles[d] = "row" if d == rows else "column" if apart else "batch"
    return roles | {d: roles[merged[d]] for d in merged}


def _spell(pool: str) -> Iterator[str]:
    yield from pool
    number = 1
    while True:
        yield from (f"{c}{number}" for c in pool)
        number += 1


def name_dims(emitter: Substitution) -> tuple[list[str], dict[str, Expr]]:
    """A name for each dim in the order they were made, and the kernel's order with extents."""
    roles, taken = dim_roles(emitter), set[str]()
    names: dict[str, str] = {}
    for role in RANK:
        for d in emitter.roots + list(emitter.dims):
            if roles[d] == role and d not in names:
                names[d] = next(n for n in _spell(POOLS[role]) if n not in taken)
                taken.add(names[d])
    used = frozenset().union(*map(carried, emitter.block.ops))
    order = sorted((d for d in emitter.dims if d in used), key=lambda d: RANK.index(roles[d]))
    return [names[d] for d in emitter.dims], {names[d]: emitter.dims[d] for d in order}


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
        rewriter.replace_matched_op(kernel)


@dataclass(frozen=True)
class SubstituteIndicesPass(ModulePass):
    """Turn each group of tensor ops into a flat kernel: views become indices."""

    name = "substitute-indices"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([SubstituteIndices()]), apply_recursively=False).rewrite_module(op)
