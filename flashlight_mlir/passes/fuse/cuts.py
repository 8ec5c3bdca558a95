"""Which producer of a kernel is stored instead of computed in it: one rule a function, each with its reason."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from xdsl.ir import Block, Operation, SSAValue

from flashlight_mlir.analysis.cost import Choice, bytes_of, cone, is_flat, is_whole
from flashlight_mlir.diagnostics import Remark, location_of
from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.loop import ContractOp, ReduceOp, dims_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, kind
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.body import MOST_OPS, Body
from flashlight_mlir.passes.fuse.flat import TooLarge
from flashlight_mlir.passes.fuse.regions import HORIZON, SUMS, VIEWS, Region, Regions, core, fusible

Cut = tuple[SSAValue, str]
"""A value and why it is stored."""


def forced_cut(region: Region, body: Body) -> Cut | None:
    """A plain contraction over a long dim whose result is not streamed."""
    dims, roots = body.emitter.dims, set(body.emitter.roots)
    for op in region.ops:
        if not isinstance(op, T.ContractOp) or not region.plain(op):
            continue
        a, b, out = op.maps
        sizes = dict(zip((*a, *b), (*T.type_of(op.lhs).shape, *T.type_of(op.rhs).shape), strict=True))
        long = [x for x in sizes if x not in out and not is_whole(sizes[x])]
        if not long:
            continue
        bound = {d for d, e in dims.items() if d not in roots and not is_whole(e)}
        uses = [set(dims_of(v.type)) for v in body.instances(op.result)]
        axes = sum(s != Expr.of(1) for s in op.result.type.shape)
        whole = any(len(u & roots) >= axes for u in uses)
        if whole or not any(u & bound for u in uses):
            extents = ", ".join(str(sizes[x]) for x in long)
            return op.result, f"a plain contraction over {extents} is stored: its result is not streamed"
    return None


def nested_cut(region: Region, body: Body) -> Cut | None:
    """A contraction of reduced values that would run again at each step of another reduction."""
    inner = body.named(body.reduced)
    for op in reversed(region.ops):
        if not isinstance(op, T.ContractOp) or region.plain(op) or _is_root(op.result, region):
            continue
        for value in body.instances(op.result):
            made_of = _before_casts(value)
            if not isinstance(made_of, ContractOp):
                continue
            sums = [o for o in cone(made_of.operands) if isinstance(o, ReduceOp) and not _short(o, body)]
            if any(body.named(dims_of(o.result.type)) & inner - body.named(made_of.dims) for o in sums):
                return op.result, "a contraction is stored: it would run again at each step of another reduction"
    return None


def _before_casts(value: SSAValue) -> Operation | Block:
    op = value.owner
    while kind(op) == "cast" and isinstance(op, PointwiseOp):
        op = op.args[0].owner
    return op


def _short(op: ReduceOp, body: Body) -> bool:
    """One tile covers what the reduction runs over: its result costs no more than a load of its tile."""
    return all(is_whole(body.emitter.dims[d]) for d in op.dims)


def _is_root(value: SSAValue, region: Region) -> bool:
    return any(value in (root, core(root)) for root in region.roots)


def crossed_cut(region: Region, body: Body) -> Cut | None:
    """A reduction over what the root runs over, at each step of another reduction: no order of loops has both."""
    outer = body.named(body.emitter.roots) & body.long
    for op in region.ops:
        if not isinstance(op, T.ReduceOp) or _is_root(op.result, region):
            continue
        for value in body.instances(op.result):
            if not isinstance(value.owner, ReduceOp):
                continue
            at = body.named(dims_of(value.type)) & body.long
            if body.named(value.owner.dims) & outer and not at <= outer:
                return op.result, "a reduction is stored: it runs over a dim of the result at each step of another reduction"
    return None


def candidates(region: Region, regions: Regions) -> list[SSAValue]:
    """Producers that may be worth storing, nearest to the root first: no larger than what they are computed from."""
    found: dict[SSAValue, None] = {}
    for op in reversed(region.ops):
        if isinstance(op, SUMS) or (op in region.late and _read_twice(op)):
            found[op.results[0]] = None
        if isinstance(op, T.ContractOp):
            found |= {v: None for v in map(core, (op.lhs, op.rhs)) if isinstance(v.type, T.TensorType)}
    out: list[SSAValue] = []
    for value in found:
        if value.owner not in region.members or value in region.loads or _is_root(value, region):
            continue
        leaves = [v.type for v in regions.within(region, value).leaves if isinstance(v.type, T.TensorType)]
        if bytes_of(T.type_of(value)) <= sum(map(bytes_of, leaves)):
            out.append(value)
    return out


def flattened(region: Region, body: Body) -> list[SSAValue]:
    """Products of matrices that are none where the kernel reads them (a shifted diagonal, say): each point takes its own rows."""
    found: list[SSAValue] = []
    for op in region.ops:
        if isinstance(op, T.ContractOp) and not _is_root(op.result, region) and _is_matrix(op):
            owners = map(_before_casts, body.instances(op.result))
            if any(isinstance(o, ContractOp) and is_flat(o) for o in owners):
                found.append(op.result)
    return found


def _is_matrix(op: T.ContractOp) -> bool:
    a, b, _ = op.maps
    long = [
        [x for x, n in zip(own, T.type_of(v).shape, strict=True) if x not in other and n != Expr.of(1)]
        for own, other, v in ((a, b, op.lhs), (b, a, op.rhs))
    ]
    return all(long)


def _read_twice(op: Operation) -> bool:
    return len({use.operation for use in op.results[0].uses}) > 1 and not isinstance(op, VIEWS)


@dataclass
class Cuts:
    """The rules, asked once for regions that are the same up to names and places."""

    regions: Regions
    settled: dict[Hashable, tuple[int, str] | None] = field(default_factory=dict[Hashable, "tuple[int, str] | None"])
    alone: dict[Hashable, float] = field(default_factory=dict[Hashable, float])

    def choose(self, root: SSAValue, elsewhere: frozenset[int] = frozenset()) -> tuple[SSAValue, Remark] | None:
        """The next value to cut in the kernel of ``root``; ``elsewhere``: where the ops stand that other kernels compute."""
        region = self.regions.region([root])
        values = [*(op.results[0] for op in region.ops), *region.leaves]
        twice = tuple(k for k, place in enumerate(sorted(region.places)) if place in elsewhere) if elsewhere else ()
        if (key := (region.shape, twice)) not in self.settled:
            found = self._choose(region, elsewhere)
            self.settled[key] = (values.index(found[0]), found[1]) if found else None
        if (settled := self.settled[key]) is None:
            return None
        value, why = values[settled[0]], settled[1]
        return value, Remark("form-kernels", why, location_of(value.owner))

    def _choose(self, region: Region, elsewhere: frozenset[int]) -> Cut | None:
        found = candidates(region, self.regions)
        try:
            body = Body(region)
        except TooLarge:
            return far_cut(region, found, f"the kernel would have more than {MOST_OPS} ops")
        cut = next((cut for rule in (forced_cut, nested_cut, crossed_cut) if (cut := rule(region, body))), None)
        cut = cut or self.priced_cut(region, body, dict.fromkeys([*flattened(region, body), *found]), elsewhere)
        if cut is None and region.cropped:
            return far_cut(region, found, f"more than {HORIZON} ops would be computed for one kernel")
        return cut

    def priced_cut(self, region: Region, body: Body, found: Iterable[SSAValue], elsewhere: frozenset[int]) -> Cut | None:
        """A producer that is dearer to compute again, here or in another kernel, than to store."""
        for value in found:
            choice = Choice(0.0, body.seconds(value), bytes_of(T.type_of(value)))
            if choice.cut and self.regions.at(value) not in elsewhere:
                choice = replace(choice, once=self.once(region, value))
            if choice.cut:
                return value, f"a producer is stored: {choice}"
        return None

    def once(self, region: Region, value: SSAValue) -> float:
        """Time for ``value`` in a kernel of its own."""
        own = self.regions.within(region, value)
        if own.shape not in self.alone:
            self.alone[own.shape] = Body(own).seconds()
        return self.alone[own.shape]


def far_cut(region: Region, found: Sequence[SSAValue], why: str) -> Cut | None:
    """The producer that is farthest from the root, of a kernel that is too large."""
    deep = [v for v in found if v.owner in region.late]
    far = deep or [v for v in found if isinstance(v.owner, SUMS)]
    if far:
        return far[-1], f"a producer is stored: {why}"
    return next(((v, f"a producer is stored: {why}") for v in region.leaves if region.cropped and fusible(v.owner)), None)
