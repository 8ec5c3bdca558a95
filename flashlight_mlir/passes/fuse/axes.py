"""Which axes of a region's tensors run over the same thing: a hint for the names of dims.

A reduction may bind any name that is not free where it stands, so a name chosen by these classes is exact whatever the classes
are; good classes let equal values of two reductions be one. To *identify* the axes of a class would be unsound: ``x xᵀ`` puts
its rows and its columns into one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xdsl.ir import Operation, SSAValue

from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.pointwise import PointwiseOp
from flashlight_mlir.passes.fuse.views import groups

Axis = tuple[object, ...]
"""A value and the number of an axis; or a view's axis told by what it is a view of."""


class Axes:
    """Classes of axes, for what has been added."""

    def __init__(self, is_leaf: Callable[[SSAValue], bool]):
        self.is_leaf = is_leaf
        self.parent: dict[Axis, Axis] = {}
        self.seen: set[SSAValue] = set()

    def find(self, axis: Axis) -> Axis:
        """The axis that stands for the class."""
        while (up := self.parent.get(axis, axis)) != axis:
            self.parent[axis] = self.parent.get(up, up)
            axis = up
        return axis

    def add(self, value: SSAValue) -> None:
        """Take in all that ``value`` is computed from, down to the leaves."""
        stack = [value]
        while stack:
            value = stack.pop()
            if value in self.seen or self.is_leaf(value) or not isinstance(op := value.owner, Operation):
                continue
            self.seen.add(value)
            for a, b in _same(op):
                self.parent[self.find(a)] = self.find(b)
            stack.extend(op.operands)


def _same(op: Operation) -> Iterator[tuple[Axis, Axis]]:
    """Pairs of axes that an op runs over together."""
    match op:
        case PointwiseOp():
            shaped = [v for v in op.args if isinstance(v.type, T.TensorType)]
            yield from (((op.result, k), (v, k)) for v in shaped for k in range(_rank(v)))
        case T.TransposeOp():
            yield from (((op.result, k), (op.source, p)) for k, p in enumerate(op.axes))
        case T.BroadcastOp():
            yield from (((op.result, a), (op.source, k)) for k, a in enumerate(op.axes))
        case T.ReshapeOp():
            shape = T.type_of(op.result).shape
            for sources, results in groups(T.type_of(op.source).shape, shape):
                if len(sources) == len(results) == 1:
                    yield (op.result, results[0]), (op.source, sources[0])
                else:
                    yield from (((op.result, r), (op.source, shape, r)) for r in results)
        case T.SliceOp():
            cut = op.axis.value.data
            yield from (((op.result, k), (op.source, k)) for k in range(_rank(op.source)) if k != cut)
            yield (op.result, cut), (op.source, cut, op.start.data, op.step, op.result.type.shape[cut])
        case T.PadOp():
            yield from (((op.result, k), (op.source, k)) for k in range(_rank(op.source)) if k != op.axis.value.data)
        case T.ConcatOp():
            yield from (((op.result, k), (v, k)) for v in op.parts for k in range(_rank(v)) if k != op.axis.value.data)
        case T.TakeOp():
            axis, rank = op.axis.value.data, _rank(op.at)
            yield from (((op.result, axis + k), (op.at, k)) for k in range(rank))
            others = [k for k in range(_rank(op.source)) if k != axis]
            yield from (((op.result, k if k < axis else k + rank - 1), (op.source, k)) for k in others)
        case T.ReduceOp():
            left = [k for k in range(_rank(op.source)) if k not in op.axes]
            yield from (((op.result, r), (op.source, k)) for r, k in enumerate(left))
        case T.ContractOp():
            first: dict[str, Axis] = {}
            for value, labels in zip((op.lhs, op.rhs, op.result), op.maps, strict=True):
                for k, label in enumerate(labels):
                    yield (value, k), first.setdefault(label, (value, k))
        case _:
            return


def _rank(value: SSAValue) -> int:
    return len(T.type_of(value).shape)
