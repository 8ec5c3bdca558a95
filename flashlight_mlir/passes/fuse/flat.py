"""A flat loop body while it is built: each value is emitted once, in the kernel's order of dims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr, i64
from xdsl.ir import Attribute, Block, Operation, SSAValue

from flashlight_mlir.dialects.loop import IndexOp, dims_of
from flashlight_mlir.dialects.pointwise import build
from flashlight_mlir.dialects.syntax import element_of, is_float
from flashlight_mlir.expr import Bounds, Expr


class TooLarge(Exception):
    """A body of more ops than any kernel should have."""


class FlatBody:
    """``dims`` are those made so far; ``order`` is the kernel's, by default as made. More than ``limit`` ops are TooLarge."""

    def __init__(self, order: Mapping[str, Expr] | None = None):
        self.order = order
        self.dims: dict[str, Expr] = {}
        self.block = Block()
        self.made: dict[object, SSAValue] = {}
        self.origin: Operation | None = None
        self.limit: int | None = None
        self.count = 0

    @property
    def bounds(self) -> Bounds:
        return self.dims

    @property
    def sequence(self) -> Sequence[str]:
        """The dims in the kernel's order."""
        return list(self.order if self.order is not None else self.dims)

    def add(self, op: Operation) -> SSAValue:
        if self.origin is not None:
            op.location = self.origin.location
        self.block.add_op(op)
        self.count += 1
        if self.limit is not None and self.count > self.limit:
            raise TooLarge
        return op.results[0]

    def once(self, key: object, make: Callable[[], Operation]) -> SSAValue:
        """The value that ``key`` tells, emitted at its first use."""
        if key not in self.made:
            self.made[key] = self.add(make())
        return self.made[key]

    def pointwise(self, name: str, *args: SSAValue, to: Attribute | None = None) -> SSAValue:
        return self.once((name, args, to), lambda: build(name, *args, to=to, order=self.sequence))

    def constant(self, value: float | int, type: Attribute) -> SSAValue:
        of: Any = type  # float, integer or index: xDSL's constructors want the very class
        attr = FloatAttr(float(value), of) if is_float(type) else IntegerAttr(int(value), of)
        return self.once(attr, lambda: ConstantOp(attr))

    def index_value(self, entry: Expr | SSAValue) -> SSAValue:
        if isinstance(entry, SSAValue):
            return entry
        if entry.constant is not None:
            return self.constant(entry.constant, IndexType())
        return self.once(entry, lambda: IndexOp(entry, self.sequence))

    def binary(self, name: str, a: Expr | SSAValue, b: Expr | SSAValue) -> SSAValue:
        """Arithmetic on an index that is a value."""
        return self.pointwise(name, *(self.as_i64(x) for x in (a, b)))

    def as_i64(self, entry: Expr | SSAValue) -> SSAValue:
        value = self.index_value(entry)
        return value if element_of(value.type) == i64 or not dims_of(value.type) else self.pointwise("cast", value, to=i64)

    def number(self, entry: Expr | SSAValue, element: Attribute) -> SSAValue:
        if isinstance(entry, Expr) and entry.constant is not None:
            return self.constant(entry.constant, element)
        return self.cast(self.index_value(entry), element)

    def cast(self, value: SSAValue, element: Attribute) -> SSAValue:
        return value if element_of(value.type) == element else self.pointwise("cast", value, to=element)

    def compare(self, name: str, entry: Expr | SSAValue, limit: Expr) -> SSAValue | None:
        """The predicate, or None where it always holds."""
        if isinstance(entry, Expr):
            holds = (entry - limit).is_nonnegative(self.bounds) if name == "ge" else entry.is_below(limit, self.bounds)
            if holds:
                return None
            return self.pointwise(name, self.index_value(entry), self.index_value(limit))
        return self.pointwise(name, self.as_i64(entry), self.as_i64(limit))

    def conjunction(self, *masks: SSAValue | None) -> SSAValue | None:
        result: SSAValue | None = None
        for mask in masks:
            if mask is not None:
                result = mask if result is None else self.pointwise("and", result, mask)
        return result

    def select(self, mask: SSAValue | None, value: SSAValue, other: SSAValue | None) -> SSAValue:
        if mask is None:
            return value
        if other is None:
            other = self.constant(0, element_of(value.type))
        return self.pointwise("select", mask, value, other)
