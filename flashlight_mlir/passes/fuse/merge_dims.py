"""Make two dims one where that lets loads, and all that is computed from them, be shared.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B : f32> {
      %r = loop.kernel @k0(%X = %x) dims [b = B, j = S, k = S] {
        %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
        %1 = loop.reduce max %0 over [j] : !loop.tile<b : f32>
        %2 = loop.load %X[b, k] : !loop.tile<b, k : f32>
        %3 = pointwise.sub %2, %1 : !loop.tile<b, k : f32>
        %4 = loop.reduce sum %3 over [k] : !loop.tile<b : f32>
        loop.store %4, 0[b]
      } : !tensor_ext.tensor<B : f32>
      func.return %r : !tensor_ext.tensor<B : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B : f32> {
      %r = loop.kernel @k0(%X = %x) dims [b = B, j = S] {
        %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
        %1 = loop.reduce max %0 over [j] : !loop.tile<b : f32>
        %2 = pointwise.sub %0, %1 : !loop.tile<b, j : f32>
        %3 = loop.reduce sum %2 over [j] : !loop.tile<b : f32>
        loop.store %3, 0[b]
      } : !tensor_ext.tensor<B : f32>
      func.return %r : !tensor_ext.tensor<B : f32>
    }

Two loads of one tensor propose a renaming: the one that makes their indices equal. It is a change of bound names, hence exact,
if the extents are equal and nothing depends on both dims.
Refuses when: some value carries both dims (the two sides of ``x xᵀ``).
Source: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from flashlight_mlir.dialects.expr import exprs
from flashlight_mlir.dialects.loop import FoldOp, KernelOp, LoadOp, StoreOp, dims_of
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.rename import rename_dims, signature


def carried(op: Operation) -> frozenset[str]:
    """Every dim that ``op`` meets."""
    out = {d for v in (*op.operands, *op.results) for d in dims_of(v.type)}
    if isinstance(op, LoadOp | StoreOp):
        out |= {n for e in exprs(op.indices) for n in e.names if n[0].islower()}
    return frozenset(out)


def numbering(ops: Sequence[Operation], env: Mapping[str, str], order: Sequence[str]) -> dict[SSAValue, object]:
    """Equal numbers for values that are equal once dims are renamed."""
    numbers: dict[SSAValue, object] = {}
    seen: dict[tuple[object, ...], int] = {}
    for op in ops:
        key = signature(op, [numbers.get(v, v) for v in op.operands], env, order)
        number = seen.setdefault(key, len(seen))
        numbers.update({r: (number, k) for k, r in enumerate(op.results)})
    return numbers


def counterparts(x: Expr, y: Expr, dims: Container[str]) -> Iterator[tuple[str, str]]:
    """Dims that stand in the same place in two expressions: alone, or under the same factor."""
    a, b = ([n for n in sorted(e.names - f.names) if n in dims] for e, f in ((x, y), (y, x)))
    if len(a) == len(b) == 1:
        yield a[0], b[0]
        return
    for p in a:
        factor = x.coefficient(p)
        same = [q for q in b if factor and (other := y.coefficient(q)) and other[0] == factor[0]]
        if len(same) == 1:
            yield p, same[0]


def proposal(a: LoadOp, b: LoadOp, env: Mapping[str, str], dims: Mapping[str, Expr]) -> dict[str, str] | None:
    """Dims of the later name to dims of the earlier one, so that the two loads agree; None if no renaming does."""
    if a.source is not b.source or len(a.values) != len(b.values) or (a.mask is None) != (b.mask is None):
        return None
    now = {d: Expr.of(n) for d, n in env.items()}
    rank = {d: k for k, d in enumerate(dims)}
    pairs = [(x.substitute(now), y.substitute(now)) for x, y in zip(exprs(a.indices), exprs(b.indices), strict=True)]
    found: dict[str, str] = {}
    for p, q in (pair for x, y in pairs for pair in counterparts(x, y, rank)):
        late, early = (p, q) if rank[p] > rank[q] else (q, p)
        if found.setdefault(late, early) != early or dims[late] != dims[early]:
            return None
    if set(found) & set(found.values()):
        return None
    then = {d: Expr.of(n) for d, n in found.items()}
    return found if found and all(x.substitute(then) == y.substitute(then) for x, y in pairs) else None


def find_merges(ops: Sequence[Operation], dims: Mapping[str, Expr]) -> dict[str, str]:
    """The renaming that merges all it may."""
    order = list(dims)
    env: dict[str, str] = {}
    loads = [op for op in ops if isinstance(op, LoadOp)]
    met = {carried(op) for op in ops}
    changed = True
    while changed:
        changed = False
        for k, a in enumerate(loads):
            for b in loads[:k]:
                found = proposal(a, b, env, dims)
                if not found:
                    continue
                if any(late in m and early in m for m in met for late, early in found.items()):
                    continue
                merged = {d: found.get(n, n) for d, n in env.items()} | found
                if a.values or a.mask:
                    numbers = numbering(ops, merged, order)
                    if any(numbers.get(x, x) != numbers.get(y, y) for x, y in zip(a.operands, b.operands, strict=True)):
                        continue
                env, changed = merged, True
                met = {frozenset(found.get(d, d) for d in m) for m in met}
    return env


def merge(kernel: KernelOp) -> None:
    if any(isinstance(op, FoldOp) for op in kernel.block.ops):
        return
    env = find_merges(list(kernel.block.ops), kernel.dims)
    if env:
        rename_dims(kernel, env)


@dataclass(frozen=True)
class MergeDimsPass(ModulePass):
    """Make two dims one where their loads then coincide and nothing depends on both."""

    name = "merge-dims"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in [k for k in op.walk() if isinstance(k, KernelOp)]:
            merge(kernel)
