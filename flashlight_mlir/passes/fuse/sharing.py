"""Which roots share a kernel."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.ir import SSAValue

from flashlight_mlir.analysis.cost import is_whole
from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.loop import dims_of
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.body import Body
from flashlight_mlir.passes.fuse.flat import TooLarge
from flashlight_mlir.passes.fuse.regions import SUMS, Regions

MOST_COLUMNS = 512
"""Columns of all accumulators of a kernel whose roots have different short dims."""


@dataclass
class Sharing:
    """Asked once for regions that are the same up to names and places."""

    regions: Regions
    settled: dict[Hashable, bool] = field(default_factory=dict[Hashable, bool])

    def share(self, a: Sequence[SSAValue], b: SSAValue) -> bool:
        """Once merged, the parallel dims are the same but for short or reduced ones, and no root waits for another kernel."""
        loads = self.regions.region([b]).loads
        if any(loads.isdisjoint(self.regions.region([r]).loads) for r in a):
            return False
        roots = [*a, b]
        region = self.regions.region(roots)
        if region.cropped or any(self.regions.reaches(leaf, root) for leaf in region.leaves for root in roots):
            return False
        if region.shape not in self.settled:
            self.settled[region.shape] = self._alike(roots)
        return self.settled[region.shape]

    def _alike(self, roots: Sequence[SSAValue]) -> bool:
        try:
            body = Body(self.regions.region(roots))
        except TooLarge:
            return False
        dims, inner = body.emitter.dims, body.named(body.reduced)
        queue = iter(body.emitter.roots)
        sets = [body.named(next(queue) for s in T.type_of(r).shape if s != Expr.of(1)) for r in roots]
        uses = [[body.named(dims_of(v.type)) for v in body.instances(r)] for r in roots]
        if any(use - own for own, found in zip(sets, uses, strict=True) for use in found):
            return False  # another root needs it elsewhere: it would be computed again
        every = set[str]().union(*sets)
        extra = {d for s in sets for d in every - s}
        if (not all(sets) and every) or not all(d in inner or is_whole(dims[d]) for d in extra):
            return False
        return every in sets or self._narrow(roots, [[dims[d] for d in s & extra] for s in sets])

    def _narrow(self, roots: Sequence[SSAValue], rows: Sequence[Sequence[Expr]]) -> bool:
        """Roots with short dims of their own: they have a reduction in common, and their accumulators fit side by side."""
        work = [{o for o in self.regions.region([r]).ops if isinstance(o, SUMS)} for r in roots]
        columns = sum(prod(e.constant or MOST_COLUMNS for e in row) for row in rows)
        return any(all(o in own for own in work) for o in work[0]) and columns <= MOST_COLUMNS
