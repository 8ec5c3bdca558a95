"""Regions: what a kernel of some roots computes and what it loads, given the values that are stored."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush

from xdsl.dialects.arith import ConstantOp
from xdsl.ir import Block, Operation, SSAValue

from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.pointwise import PointwiseOp, kind

VIEWS = T.ReshapeOp | T.TransposeOp | T.SliceOp | T.BroadcastOp
FUSIBLE = VIEWS | T.ReduceOp | T.ContractOp | T.ConcatOp | T.PadOp | T.TakeOp | T.IotaOp | PointwiseOp | ConstantOp
SUMS = T.ReduceOp | T.ContractOp

HORIZON = 100
"""So many ops that compute, and no more, are looked at for one kernel; what they need of others is loaded."""


def fusible(op: object) -> bool:
    return isinstance(op, FUSIBLE)


def peel(value: SSAValue) -> SSAValue:
    """The value behind the views at a region's border; a transpose right after it is its order in memory, and stays."""
    while isinstance(value.owner, VIEWS):
        inner = value.owner.operands[0]
        if isinstance(value.owner, T.TransposeOp) and not isinstance(inner.owner, VIEWS):
            return value
        value = inner
    return value


def core(value: SSAValue) -> SSAValue:
    """The computed value behind views and casts."""
    while isinstance(op := value.owner, Operation) and (isinstance(op, VIEWS) or kind(op) == "cast"):
        value = op.operands[0]
    return value


@dataclass(frozen=True, eq=False)
class Region:
    """The ops that a kernel of ``roots`` computes, in order, and what it loads; ``cropped`` where the horizon ends it."""

    roots: Sequence[SSAValue]
    ops: Sequence[Operation]
    leaves: Sequence[SSAValue]
    cropped: bool
    kinds: Sequence[int]
    """What each op is, apart from its operands."""

    @cached_property
    def members(self) -> frozenset[Operation]:
        return frozenset(self.ops)

    @cached_property
    def loads(self) -> frozenset[SSAValue]:
        return frozenset(self.leaves)

    @cached_property
    def shape(self) -> Hashable:
        """Equal for regions that are the same up to names and places."""
        number: dict[SSAValue, int] = {v: -k for k, v in enumerate(self.leaves, 1)}
        rows: list[Hashable] = [v.type for v in self.leaves]
        for op, what in zip(self.ops, self.kinds, strict=True):
            rows.append((what, *(number[v] for v in op.operands)))
            for result in op.results:
                number[result] = len(number)
        return tuple(rows), tuple(number[r] for r in self.roots), self.cropped

    @cached_property
    def late(self) -> frozenset[Operation]:
        """The ops that are computed from a reduction or a contraction."""
        found: set[Operation] = set()
        for op in self.ops:
            if any(v.owner in found or isinstance(v.owner, SUMS) for v in op.operands if v not in self.loads):
                found.add(op)
        return frozenset(found)

    def plain(self, op: Operation) -> bool:
        """A contraction of what involves no other reduction: torch has it."""
        return isinstance(op, T.ContractOp) and op not in self.late

    @property
    def worthy(self) -> bool:
        """Has a reduction, or two contractions."""
        contractions = sum(isinstance(o, T.ContractOp) for o in self.ops)
        return contractions > 1 or any(isinstance(o, T.ReduceOp) for o in self.ops)


class Regions:
    """The regions of a function's block; ``cuts`` are the values that are stored."""

    def __init__(self, block: Block):
        self.order = list(block.ops)
        self.position = {op: k for k, op in enumerate(self.order)}
        self.cuts: dict[SSAValue, None] = {}
        self._regions: dict[tuple[SSAValue, ...], Region] = {}
        self._numbers: dict[Hashable, int] = {}
        self._kinds: dict[Operation, int] = {}

    def at(self, value: SSAValue) -> int:
        """Where the op of a value stands."""
        assert isinstance(value.owner, Operation)
        return self.position[value.owner]

    def cut(self, value: SSAValue) -> None:
        self.cuts[value] = None
        self._regions = {roots: r for roots, r in self._regions.items() if value.owner not in r.members}

    def region(self, roots: Sequence[SSAValue]) -> Region:
        """The region of ``roots``, the ops nearest to them first, up to the horizon."""
        if (key := tuple(roots)) not in self._regions:
            near, cropped = self._near(roots)
            self._regions[key] = self._build(roots, near, cropped)
        return self._regions[key]

    def within(self, outer: Region, value: SSAValue) -> Region:
        """What ``outer`` computes for ``value``."""
        return self._build([value], outer.members, outer.cropped, outer.loads)

    def _near(self, roots: Sequence[SSAValue]) -> tuple[set[Operation], bool]:
        heap: list[int] = []
        near, seen, left = set[Operation](), set[SSAValue](), HORIZON

        def push(value: SSAValue) -> None:
            inside = fusible(value.owner) and (value not in self.cuts or value in roots)
            if inside and value not in seen:
                seen.add(value)
                heappush(heap, -self.at(value))

        for root in roots:
            push(root)
        while heap and left:
            near.add(op := self.order[-heappop(heap)])
            left -= not isinstance(op, VIEWS | ConstantOp)
            for v in op.operands:
                push(v)
        return near, bool(heap)

    def _build(
        self,
        roots: Sequence[SSAValue],
        near: frozenset[Operation] | set[Operation],
        cropped: bool,
        loads: frozenset[SSAValue] = frozenset(),
    ) -> Region:
        ops: set[Operation] = set()
        leaves: dict[SSAValue, None] = {}
        stack = list(roots)[::-1]
        while stack:
            value = stack.pop()
            if value.owner not in near or value in loads or (value in self.cuts and value not in roots):
                leaves[value] = None
            elif value.owner not in ops:
                assert isinstance(value.owner, Operation)
                ops.add(value.owner)
                stack.extend(reversed(value.owner.operands))
        ordered = sorted(ops, key=self.position.__getitem__)
        return Region(roots, ordered, list(leaves), cropped, [self._kind(op) for op in ordered])

    def _kind(self, op: Operation) -> int:
        if op not in self._kinds:
            what = (op.name, *sorted(op.properties.items()), *op.result_types)
            self._kinds[op] = self._numbers.setdefault(what, len(self._numbers))
        return self._kinds[op]

    @cached_property
    def _above(self) -> dict[Operation, int]:
        """For each op, those that it is computed from and itself, as bits."""
        found: dict[Operation, int] = {}
        for op, k in self.position.items():
            bits = 1 << k
            for owner in (v.owner for v in op.operands):
                bits |= found.get(owner, 0) if isinstance(owner, Operation) else 0
            found[op] = bits
        return found

    def reaches(self, value: SSAValue, target: SSAValue) -> bool:
        """``value`` is computed from ``target``, by whatever runs it."""
        return isinstance(value.owner, Operation) and bool(self._above[value.owner] >> self.at(target) & 1)
