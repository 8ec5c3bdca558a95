"""Which roots share a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from flashlight_mlir.analysis.cost import cone, is_whole
from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.loop import ContractOp, ReduceOp, dims_of
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.merge_dims import find_merges
from flashlight_mlir.passes.fuse.substitution import Substitution, TooLarge

if TYPE_CHECKING:
    from flashlight_mlir.passes.fuse.regions import Plan


def discard(emitter: Substitution) -> None:
    for op in reversed(list(emitter.block.ops)):
        emitter.block.erase_op(op)


def reduced(emitter: Substitution) -> set[str]:
    return {d for op in emitter.block.ops if isinstance(op, ReduceOp | ContractOp) for d in op.dims}


MOST_COLUMNS = 512
"""Columns of all accumulators of a kernel whose roots have different short dims."""


def share(made: Plan, a: Sequence[SSAValue], b: SSAValue) -> bool:
    """Once merged, the parallel dims are the same but for short or reduced ones, and no root waits for another kernel."""
    roots = [*a, b]
    if any(reaches(leaf, root) for leaf in made.region(roots)[1] for root in roots):
        return False
    key = made.key(roots)
    if key not in made.sharing:
        made.sharing[key] = _alike(made, roots)
    return made.sharing[key]


def _alike(made: Plan, roots: Sequence[SSAValue]) -> bool:
    leaves = [set(made.region([r])[1]) for r in roots]
    if any(not leaves[-1] & other for other in leaves[:-1]):
        return False
    try:
        emitter = made.emitter(roots)
    except TooLarge:
        return False
    names = find_merges(list(emitter.block.ops), emitter.dims)
    inner = {names.get(d, d) for d in reduced(emitter)}
    uses = [[{names.get(d, d) for d in dims_of(v.type)} for v in emitter.instances(r)] for r in roots]
    discard(emitter)
    queue = iter(emitter.roots)
    sets = [{names.get(d, d) for d in (next(queue) for s in T.type_of(r).shape if s != Expr.of(1))} for r in roots]
    if any(use - own for own, found in zip(sets, uses, strict=True) for use in found):
        return False  # another root needs it elsewhere: it would be computed again
    every = set[str]().union(*sets)
    extra = {d for s in sets for d in every - s}
    if (not all(sets) and every) or not all(d in inner or is_whole(emitter.dims[d]) for d in extra):
        return False
    return every in sets or _narrow(made, roots, [[emitter.dims[d] for d in s & extra] for s in sets])


def _narrow(made: Plan, roots: Sequence[SSAValue], rows: Sequence[Sequence[Expr]]) -> bool:
    """Roots with short dims of their own: they have a reduction in common, and their accumulators fit side by side."""
    work = [{o for o in made.region([r])[0] if isinstance(o, T.ReduceOp | T.ContractOp)} for r in roots]
    columns = sum(prod(e.constant or MOST_COLUMNS for e in row) for row in rows)
    return any(all(o in own for own in work) for o in work[0]) and columns <= MOST_COLUMNS


def reaches(value: SSAValue, target: SSAValue) -> bool:
    """``value`` is computed from ``target``, by whatever runs it."""
    return any(target in op.results for op in cone([value]))
