"""Regions: what a kernel of some roots computes and what it loads, given the values that are stored."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush

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
    """A kernel may compute it: where a constant extent is 0, nothing is computed, and a sum over nothing is torch's."""
    return isinstance(op, FUSIBLE) and not any(map(_is_empty, (*op.operands, *op.results)))


def _is_empty(value: SSAValue) -> bool:
    return isinstance(value.type, T.TensorType) and any(e.constant == 0 for e in value.type.shape)


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
    places: frozenset[int]
    """Where the ops stand in the function."""
    shape: Hashable
    """Equal for regions that are the same up to names and places."""

    @cached_property
    def members(self) -> frozenset[Operation]:
        return frozenset(self.ops)

    @cached_property
    def loads(self) -> frozenset[SSAValue]:
        return frozenset(self.leaves)

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

    @cached_property
    def worthy(self) -> bool:
        """Has a reduction, or two contractions."""
        contractions = sum(isinstance(o, T.ContractOp) for o in self.ops)
        return contractions > 1 or any(isinstance(o, T.ReduceOp) for o in self.ops)


class Regions:
    """The regions of a function's block; ``cuts`` are the values that are stored.

    A value has a number: where its op stands if kernels can compute it, else a negative one.
    """

    def __init__(self, block: Block):
        self.ops = list(block.ops)
        self.values: dict[int, SSAValue] = {k: op.results[0] for k, op in enumerate(self.ops) if fusible(op)}
        self._number = {v: k for k, v in self.values.items()}
        self._reads = [[self._numbered(v) for v in op.operands] for op in self.ops]
        self.cuts: dict[SSAValue, None] = {}
        self._cut: set[int] = set()
        self._regions: dict[tuple[int, ...], Region] = {}
        self._whats: dict[Hashable, int] = {}
        self._what: dict[int, int] = {}

    def _numbered(self, value: SSAValue) -> int:
        if value not in self._number:
            self._number[value] = -1 - len(self.values)
            self.values[self._number[value]] = value
        return self._number[value]

    def at(self, value: SSAValue) -> int:
        """Where the op of a value stands."""
        return self._number[value]

    def cut(self, value: SSAValue) -> None:
        self.cuts[value] = None
        self._cut.add(at := self.at(value))
        self._regions = {roots: r for roots, r in self._regions.items() if at not in r.places}

    def join(self, value: SSAValue) -> None:
        """Undo a cut."""
        self.cuts.pop(value, None)
        self._cut.discard(self.at(value))
        self._regions.clear()

    def region(self, roots: Sequence[SSAValue]) -> Region:
        """The region of ``roots``, the ops nearest to them first, up to the horizon."""
        numbers = tuple(self._number[r] for r in roots)
        if numbers not in self._regions:
            near, cropped = self._near(numbers)
            self._regions[numbers] = self._build(numbers, near, cropped)
        return self._regions[numbers]

    def within(self, outer: Region, value: SSAValue) -> Region:
        """What ``outer`` computes for ``value``."""
        return self._build((self._number[value],), outer.places, outer.cropped)

    def _near(self, roots: Sequence[int]) -> tuple[set[int], bool]:
        heap = [-r for r in set(roots)]
        heapify(heap)
        near, left = set[int](), HORIZON
        while heap and left:
            if (k := -heappop(heap)) not in near:
                near.add(k)
                left -= not isinstance(self.ops[k], VIEWS | ConstantOp)
                for v in self._reads[k]:
                    if v >= 0 and v not in near and (v not in self._cut or v in roots):
                        heappush(heap, -v)
        return near, any(-k not in near for k in heap)

    def _build(self, roots: Sequence[int], near: frozenset[int] | set[int], cropped: bool) -> Region:
        places: set[int] = set()
        leaves: dict[int, None] = {}
        stack = list(roots)[::-1]
        while stack:
            k = stack.pop()
            if k not in near or (k in self._cut and k not in roots):
                leaves[k] = None
            elif k not in places:
                places.add(k)
                stack += self._reads[k][::-1]
        order = sorted(places)
        ops, loads = [self.ops[k] for k in order], [self.values[k] for k in leaves]
        number = {k: n for n, k in enumerate([*leaves, *order])}
        rows = tuple((self._kind(k), *(number[v] for v in self._reads[k])) for k in order)
        shape = (tuple(v.type for v in loads), rows, tuple(number[r] for r in roots), cropped)
        return Region([self.values[r] for r in roots], ops, loads, cropped, frozenset(places), shape)

    def _kind(self, k: int) -> int:
        """What an op is, apart from its operands."""
        if k not in self._what:
            op = self.ops[k]
            what = (op.name, *sorted(op.properties.items()), *op.result_types)
            self._what[k] = self._whats.setdefault(what, len(self._whats))
        return self._what[k]

    @cached_property
    def _above(self) -> dict[Operation, int]:
        """For each op, those that it is computed from and itself, as bits."""
        found: dict[Operation, int] = {}
        for k, op in enumerate(self.ops):
            bits = 1 << k
            for owner in (v.owner for v in op.operands):
                bits |= found.get(owner, 0) if isinstance(owner, Operation) else 0
            found[op] = bits
        return found

    def reaches(self, value: SSAValue, target: SSAValue) -> bool:
        """``value`` is computed from ``target``, by whatever runs it."""
        return isinstance(value.owner, Operation) and bool(self._above[value.owner] >> self.at(target) & 1)
