"""What ``form-kernels`` decides: which values are stored, and which roots share a kernel."""

from __future__ import annotations

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
    planner = Planner(block)
    while (kernels := planner.decide()) is None:
        pass
    planner.forget(kernels)
    regions, remarks = planner.regions, list(planner.remarks.values())
    for root in dict.fromkeys([*planner.wanted, *regions.cuts]):
        if not regions.region([root]).worthy:
            text = "left to torch: no reduction besides a plain contraction, so nothing to fuse"
            remarks.append(Remark("form-kernels", text, location_of(root.owner), None, True))
    return Plan([regions.region(sorted(k, key=regions.at)) for k in reversed(kernels)], remarks)


class Planner:
    def __init__(self, block: Block):
        wanted = [peel(v) for op in reversed(list(block.ops)) if not fusible(op) for v in op.operands]
        self.wanted = [v for v in dict.fromkeys(wanted) if fusible(v.owner) and isinstance(v.type, T.TensorType)]
        """What the function returns or hands to torch."""
        self.regions = Regions(block)
        self.remarks: dict[SSAValue, Remark] = {}
        self.cuts = Cuts(self.regions)
        self.sharing = Sharing(self.regions)

    def decide(self) -> list[list[SSAValue]] | None:
        """The roots of each kernel, last first; None if a value was cut that a kernel already had, so that all is to be decided again."""
        at, region = self.regions.at, self.regions.region
        roots = {-at(v): v for v in (*self.wanted, *self.regions.cuts)}
        queue = sorted(roots)
        kernels: list[list[SSAValue]] = []
        while queue:
            elsewhere = frozenset[int]().union(*(region(k).places for k in kernels))
            root = roots[heappop(queue)]
            if not region([root]).worthy:
                continue
            found = self.torn(region([root])) or self.cuts.choose(root)
            home = None if found else next((k for k in kernels if self.sharing.share(k, root)), None)
            if home is not None:
                home.append(root)
                continue
            if found := found or self.cuts.choose(root, elsewhere):
                value, self.remarks[value] = found
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

    def torn(self, region: Region) -> tuple[SSAValue, Remark] | None:
        """What torch reads, where the kernel also reads what torch made of it: computed twice, the two could be rounded apart."""
        for value in self.wanted:
            inside = self.regions.at(value) in region.places and value not in region.roots
            if inside and any(self.regions.reaches(leaf, value) for leaf in region.leaves):
                text = "a value is stored once for torch and for the kernel, which compares it with what torch makes of it"
                return value, Remark("form-kernels", text, location_of(value.owner))
        return None

    def forget(self, kernels: list[list[SSAValue]]) -> None:
        """Store nothing that only its own kernel reads."""
        region = self.regions.region
        alone = [r for r in (*self.wanted, *self.regions.cuts) if not any(r in k for k in kernels)]
        loads = [region(k).loads for k in (*kernels, *([r] for r in alone))]
        for n, kernel in enumerate(kernels):
            for root in [r for r in kernel if r not in self.wanted]:
                if not any(root in other for k, other in enumerate(loads) if k != n):
                    kernel.remove(root)
                    self.regions.join(root)
                    self.remarks.pop(root, None)
