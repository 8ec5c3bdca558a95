"""What ``form-kernels`` decides: which values are stored, and which roots share a kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from xdsl.ir import Block, SSAValue

from flashlight_mlir.diagnostics import Remark, location_of
from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.passes.fuse.cuts import Cuts
from flashlight_mlir.passes.fuse.regions import Region, Regions, fusible, peel
from flashlight_mlir.passes.fuse.sharing import Sharing


@dataclass(frozen=True)
class Plan:
    """The region of each kernel, in order, and what is to be said."""

    kernels: list[Region]
    remarks: list[Remark]


def plan(block: Block) -> Plan:
    """Decide, from the function's end to its start."""
    wanted = [peel(v) for op in reversed(list(block.ops)) if not fusible(op) for v in op.operands]
    wanted = [v for v in dict.fromkeys(wanted) if fusible(v.owner) and isinstance(v.type, T.TensorType)]
    planner = Planner(Regions(block))
    while (kernels := planner.decide(wanted)) is None:
        pass
    for root in dict.fromkeys([*wanted, *planner.regions.cuts]):
        if not planner.regions.region([root]).worthy:
            text = "left to torch: no reduction besides a plain contraction, so nothing to fuse"
            planner.remarks.append(Remark("form-kernels", text, location_of(root.owner), None, True))
    at = planner.regions.at
    regions = [planner.regions.region(sorted(k, key=at)) for k in reversed(kernels)]
    return Plan(regions, planner.remarks)


class Planner:
    def __init__(self, regions: Regions):
        self.regions = regions
        self.remarks: list[Remark] = []
        self.cuts = Cuts(regions)
        self.sharing = Sharing(regions)

    def decide(self, wanted: Iterable[SSAValue]) -> list[list[SSAValue]] | None:
        """The roots of each kernel, last first; None if a value was cut that a kernel already had, so that all is to be decided again."""
        at, region = self.regions.at, self.regions.region
        roots = {-at(v): v for v in (*wanted, *self.regions.cuts)}
        queue = sorted(roots)
        kernels: list[list[SSAValue]] = []
        while queue:
            elsewhere = frozenset[int]().union(*(region(k).places for k in kernels))
            root = roots[heappop(queue)]
            if not region([root]).worthy:
                continue
            found = self.cuts.choose(root)
            home = None if found else next((k for k in kernels if self.sharing.share(k, root)), None)
            if home is not None:
                home.append(root)
                continue
            if found := found or self.cuts.choose(root, elsewhere):
                value, remark = found
                self.remarks.append(remark)
                self.regions.cut(value)
                if at(value) in elsewhere:
                    return None
                roots[-at(value)] = value
                heappush(queue, -at(root))
                heappush(queue, -at(value))
                continue
            if at(root) in elsewhere:
                self.regions.cut(root)
                return None
            kernels.append([root])
        return kernels
