"""From tensors to a flat loop body: the index of a root is pulled back through every op by substitution.

Each pair (value, index) is emitted once. A reduction takes a dim that its operand can share with others (``axes``), or else a
fresh one. ``substitute-indices`` builds kernels with it and ``form-kernels`` counts the work of a kernel not formed yet.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import Float64Type, FloatAttr, IndexType, IntegerAttr, f32, f64
from xdsl.ir import Operation, SSAValue

from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.loop import ContractOp, LoadOp, ReduceOp, StoreOp, dims_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, kind
from flashlight_mlir.dialects.syntax import element_of, is_float, is_number
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse import views
from flashlight_mlir.passes.fuse.axes import Axes, Axis
from flashlight_mlir.passes.fuse.flat import FlatBody
from flashlight_mlir.passes.fuse.views import ZERO, Index

ONE = Expr.of(1)
Key = tuple[SSAValue, Index, SSAValue | None]


class Substitution(FlatBody):
    """Emits loop ops into ``block``; ``leaf`` says where a value that is not computed here is loaded from.

    ``names`` spells the dims in the order they are made, ``order`` is the kernel's; by default ``t0, t1, …`` as made.
    """

    def __init__(
        self,
        leaf: Callable[[SSAValue], SSAValue | None],
        names: Sequence[str] = (),
        order: Mapping[str, Expr] | None = None,
    ):
        super().__init__(order)
        self.leaf = leaf
        self.names = names
        self.axes = Axes(lambda v: leaf(v) is not None)
        self.pool: dict[Axis, list[str]] = {}
        self.roots: list[str] = []
        self.cache: dict[Key, SSAValue] = {}

    def bind(self, axis: Axis, extent: Expr, free: Container[str]) -> Expr:
        """A dim for an axis: one that its class has and that is not ``free`` here, or a new one; an axis of one element needs none."""
        if extent == ONE:
            return ZERO
        pool = self.pool.setdefault(self.axes.find(axis), [])
        name = next((d for d in pool if d not in free and self.dims[d] == extent), None)
        if name is None:
            k = len(self.dims)
            name = self.names[k] if self.names else f"t{k}"
            self.dims[name] = extent
            pool.append(name)
        return Expr.of(name)

    def root(self, value: SSAValue, number: int) -> None:
        """Compute ``value`` over fresh dims and store it as a result."""
        self.axes.add(value)
        index, own = list[Expr](), list[str]()
        for k, size in enumerate(T.type_of(value).shape):
            index.append(self.bind((value, k), size, own))
            own += index[-1].names
        self.roots += own
        computed = self.at(value, tuple(index))
        store = StoreOp(computed, number, index)
        if isinstance(value.owner, Operation):
            store.location = value.owner.location
        self.block.add_op(store)

    def at(self, value: SSAValue, index: Index, mask: SSAValue | None = None) -> SSAValue:
        """The loop value of ``value`` at ``index``; lanes where ``mask`` is false may hold anything."""
        key = (value, index, mask)
        if key not in self.cache:
            outer, self.origin = self.origin, value.owner if isinstance(value.owner, Operation) else self.origin
            self.cache[key] = self._emit(value, index, mask)
            self.origin = outer
        return self.cache[key]

    def instances(self, value: SSAValue) -> Iterator[SSAValue]:
        """What has been emitted for ``value``."""
        return (emitted for (v, _, _), emitted in self.cache.items() if v is value)

    def _emit(self, value: SSAValue, index: Index, mask: SSAValue | None) -> SSAValue:
        source = self.leaf(value)
        if source is not None:
            if not isinstance(value.type, T.TensorType):
                return source
            mask = None if self._inside(source, index) else mask
            return self.once((source, index, mask), lambda: LoadOp(source, index, self.sequence, mask))
        op = value.owner
        match op:
            case PointwiseOp():
                return self._pointwise(op, index, mask)
            case ConstantOp():
                return self.once(op.value, op.clone)
            case T.ReshapeOp():
                inner = views.reshape(T.type_of(op.source).shape, op.result.type.shape, index, self)
                return self.at(op.source, inner, mask)
            case T.TransposeOp():
                return self.at(op.source, views.transpose(op.axes, index), mask)
            case T.BroadcastOp():
                shape = op.source.type.shape if isinstance(op.source.type, T.TensorType) else ()
                return self.at(op.source, views.broadcast(op.axes, shape, index), mask)
            case T.SliceOp():
                axis, start, step = op.axis.value.data, op.start.data, op.step.value.data
                return self.at(op.source, views.slice_(axis, start, step, index, self), mask)
            case T.PadOp():
                return self._pad(op, index, mask)
            case T.ConcatOp():
                return self._concat(op, index, mask)
            case T.TakeOp():
                axis, rank = op.axis.value.data, len(T.type_of(op.at).shape)
                at = self.at(op.at, index[axis : axis + rank], mask)
                return self.at(op.source, (*index[:axis], at, *index[axis + rank :]), mask)
            case T.IotaOp():
                return self.number(index[op.axis.value.data], op.result.type.element_type)
            case T.ReduceOp():
                return self._reduce(op, index, mask)
            case T.ContractOp():
                return self._contract(op, index, mask)
            case _:
                raise ValueError(f"{op.name if isinstance(op, Operation) else value} has no loop form")

    def _inside(self, source: SSAValue, index: Index) -> bool:
        """Every lane stands in the tensor, so that no mask is needed."""
        spans = zip(index, T.type_of(source).shape, strict=True)
        return all(isinstance(e, Expr) and e.is_nonnegative(self.bounds) and e.is_below(n, self.bounds) for e, n in spans)

    def _pointwise(self, op: PointwiseOp, index: Index, mask: SSAValue | None) -> SSAValue:
        args = [self.at(a, index if isinstance(a.type, T.TensorType) else (), mask) for a in op.operands]
        element = element_of(op.result.type)
        if kind(op) == "cast":
            return self.cast(args[0], element)
        return self.cast(self.pointwise(op.ROW.name, *args), element)

    def _pad(self, op: T.PadOp, index: Index, mask: SSAValue | None) -> SSAValue:
        axis, low = op.axis.value.data, Expr.of(op.low.value.data)
        inner = views.shift(axis, low, index, self)
        size = T.type_of(op.source).shape[axis]
        inside = self.conjunction(mask, self.compare("ge", index[axis], low), self.compare("lt", index[axis], low + size))
        value = self.at(op.source, inner, inside)
        return value if inside is mask else self.select(inside, value, None)

    def _concat(self, op: T.ConcatOp, index: Index, mask: SSAValue | None) -> SSAValue:
        axis, start = op.axis.value.data, ZERO
        result: SSAValue | None = None
        ends: list[tuple[SSAValue, SSAValue | None]] = []
        for k, part in enumerate(op.parts):
            stop = start + T.type_of(part).shape[axis]
            after = None if k == 0 else self.compare("ge", index[axis], start)
            before = None if k == len(op.parts) - 1 else self.compare("lt", index[axis], stop)
            inner = views.shift(axis, start, index, self)
            value = self.at(part, inner, self.conjunction(mask, after, before))
            value = self.cast(value, element_of(op.result.type)) if dims_of(value.type) else value  # an index is i64 here
            ends.append((value, before))
            start = stop
        for value, before in reversed(ends):
            result = value if result is None or before is None else self.select(before, value, result)
        assert result is not None
        return result

    def _reduce(self, op: T.ReduceOp, index: Index, mask: SSAValue | None) -> SSAValue:
        shape, outer = T.type_of(op.source).shape, iter(index)
        free = _free(index, mask)
        entries: list[Expr | SSAValue] = []
        for k, size in enumerate(shape):
            entries.append(entry := self.bind((op.source, k), size, free) if k in op.axes else next(outer))
            free |= _free([entry])
        inner = tuple(entries)
        fresh = [e.name for k, e in enumerate(inner) if k in op.axes and isinstance(e, Expr) and e.name]
        value = self.at(op.source, inner, mask)
        if op.kind.data == "prod":
            value = self._repeated(value, fresh)
        held = [d for d in fresh if d in dims_of(value.type)]
        if held:
            value = self._sum_up(op.kind.data, value, held)
        if op.kind.data == "sum":
            value = self._times(value, [d for d in fresh if d not in held])
        return self.cast(value, op.result.type.element_type)

    def _times(self, value: SSAValue, dims: Sequence[str]) -> SSAValue:
        """The sum of a value that is the same along ``dims``."""
        for d in dims:
            element = f32 if isinstance(element_of(value.type), Float64Type) else element_of(value.type)
            extent = self.number(self.dims[d], element)
            value = extent if self._is_one(value) else self._product(value, extent)
        return value

    def _product(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """Two numbers are one."""
        x, y = (v.owner.value if isinstance(v.owner, ConstantOp) else None for v in (a, b))
        if isinstance(x, FloatAttr) and isinstance(y, FloatAttr):
            return self.constant(x.value.data * y.value.data, f64)
        return self.pointwise("mul", a, b)

    def _repeated(self, value: SSAValue, dims: Sequence[str]) -> SSAValue:
        """``value`` with an axis for each of ``dims``: what it is at every position of them."""
        for d in dims:
            if d not in dims_of(value.type):
                here = self.pointwise("ge", self.index_value(Expr.of(d)), self.constant(0, IndexType()))
                value = self.pointwise("select", here, value, self.constant(1, element_of(value.type)))
        return value

    def _is_one(self, value: SSAValue) -> bool:
        number = value.owner.value if isinstance(value.owner, ConstantOp) else None
        return isinstance(number, FloatAttr | IntegerAttr) and number.value.data == 1

    def _contract(self, op: T.ContractOp, index: Index, mask: SSAValue | None) -> SSAValue:
        a, b, out = op.maps
        where: dict[str, Expr | SSAValue] = dict(zip(out, index, strict=True))
        sizes = dict(zip((*a, *b), (*T.type_of(op.lhs).shape, *T.type_of(op.rhs).shape), strict=True))
        free = _free(index, mask)
        for label in sizes:
            if label not in where:
                axis = (op.lhs, a.index(label)) if label in a else (op.rhs, b.index(label))
                where[label] = self.bind(axis, sizes[label], free)
                free |= _free([where[label]])
        over = [e.name for x, e in where.items() if x not in out and isinstance(e, Expr) and e.name]
        lhs = self.at(op.lhs, tuple(where[x] for x in a), mask)
        rhs = self.at(op.rhs, tuple(where[x] for x in b), mask)
        element = op.result.type.element_type
        held = [d for d in over if d in (*dims_of(lhs.type), *dims_of(rhs.type))]
        alike = [d for d in over if d not in held]
        wide = f64 if element == f64 else f32
        if is_float(lhs.type) and (alike or (held and (is_number(lhs.type) or is_number(rhs.type)))):
            lhs, rhs = (v if is_number(v.type) else self.cast(v, wide) for v in (lhs, rhs))
            product = self._product(lhs, rhs)
            return self.cast(self._times(self._sum_up("sum", product, held) if held else product, alike), element)
        if not held:
            return self.cast(self._times(self.pointwise("mul", lhs, rhs), alike), element)
        if not is_float(lhs.type):
            return self.cast(self._times(self._sum_up("sum", self.pointwise("mul", lhs, rhs), held), alike), element)
        precision = op.precision.data if op.precision else None
        key = ("contract", lhs, rhs, tuple(held), wide, precision)
        made = self.once(key, lambda: ContractOp(lhs, rhs, held, self.sequence, wide, precision))
        return self.cast(made, element)

    def _sum_up(self, kind: str, value: SSAValue, over: Sequence[str]) -> SSAValue:
        return self.once(("reduce", kind, value, tuple(over)), lambda: ReduceOp(kind, value, over))


def _free(index: Iterable[Expr | SSAValue], mask: SSAValue | None = None) -> set[str]:
    """The dims that stand in an index and a mask: what is bound below must be none of them."""
    values = [e for e in index if isinstance(e, SSAValue)] + ([mask] if mask is not None else [])
    names = {n for e in index if isinstance(e, Expr) for n in e.names}
    return names | {d for v in values for d in dims_of(v.type)}
