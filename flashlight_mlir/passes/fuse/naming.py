"""What the dims of a kernel do, and what they are called: b, h are batches, i rows, j, k streamed, d contracted, e a head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flashlight_mlir.analysis.cost import row_dim
from flashlight_mlir.dialects.loop import ContractOp, LoadOp, ReduceOp, dims_of
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.merge_dims import carried, find_merges
from flashlight_mlir.passes.fuse.substitution import Substitution

POOLS: dict[str, str] = {"batch": "bhgpqr", "row": "i", "column": "jkl", "head": "eduvw", "inner": "dc", "stream": "jklmn"}
"""Names for the dims, by what they do."""
RANK = ("batch", "row", "column", "stream", "inner", "head")


def dim_roles(emitter: Substitution, merged: Mapping[str, str]) -> dict[str, str]:
    """What each dim does, told by the contractions and the loads: a key of ``POOLS``; ``merged``: dims that another stands for."""

    def same(dims: Iterable[str]) -> set[str]:
        return {merged.get(d, d) for d in dims}

    summed = {d for op in emitter.block.ops if isinstance(op, ContractOp | ReduceOp) for d in op.dims}
    inner = same(d for d in emitter.dims if d in summed or d not in emitter.roots)
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
    roles = dim_roles(emitter, find_merges(list(emitter.block.ops), emitter.dims))
    taken = set[str]()
    names: dict[str, str] = {}
    for role in RANK:
        for d in emitter.roots + list(emitter.dims):
            if roles[d] == role and d not in names:
                names[d] = next(n for n in _spell(POOLS[role]) if n not in taken)
                taken.add(names[d])
    used = {d for op in emitter.block.ops for d in carried(op)}
    order = sorted((d for d in emitter.dims if d in used), key=lambda d: RANK.index(roles[d]))
    return [names[d] for d in emitter.dims], {names[d]: emitter.dims[d] for d in order}
