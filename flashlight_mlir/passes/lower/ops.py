"""Each loop op as block ops: one case an op."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import IndexType, StringAttr, f32, f64, i64
from xdsl.ir import Block, Region, SSAValue
from xdsl.rewriter import InsertPoint

from flashlight_mlir.analysis.predicates import index_expr
from flashlight_mlir.analysis.products import is_dot
from flashlight_mlir.dialects import block as blk
from flashlight_mlir.dialects import pointwise
from flashlight_mlir.dialects.loop import ContractOp, FoldOp, IndexOp, LoadOp, ReduceOp, StoreOp, YieldOp, dims_of
from flashlight_mlir.dialects.syntax import element_of, is_float
from flashlight_mlir.dialects.tensor_ext import TensorType, type_of
from flashlight_mlir.expr import Call, Expr
from flashlight_mlir.passes.lower.dims import Dim, Unsupported, is_multiple, is_small
from flashlight_mlir.passes.lower.emit import Emitter, identity

Values = dict[SSAValue, SSAValue]


def lower_ops(em: Emitter, source: Block, values: Values) -> None:
    """Lower the ops of a block but its terminator."""
    for op in source.ops:
        em.location = op.location
        match op:
            case ConstantOp():
                values[op.result] = em.add(op.clone()).result
            case pointwise.PointwiseOp():
                values[op.result] = lower_pointwise(em, op, values)
            case IndexOp():
                values[op.result] = em.index(op.expr.data, dims_of(op.result.type))
            case LoadOp():
                values[op.result] = lower_load(em, op, values)
            case ReduceOp():
                values[op.result] = lower_reduce(em, op, values)
            case ContractOp():
                values[op.result] = lower_contract(em, op, values)
            case StoreOp():
                lower_store(em, op, values)
            case FoldOp():
                for old, new in zip(op.outputs, lower_fold(em, op, values), strict=True):
                    values[old] = new
            case YieldOp():
                return
            case _:
                raise Unsupported(f"{op.name} has no lowering")
        for result in op.results:
            if result in values and result.name_hint and not isinstance(values[result].owner, Block):
                values[result].name_hint = result.name_hint


def lower_pointwise(em: Emitter, op: pointwise.PointwiseOp, values: Values) -> SSAValue:
    dims = dims_of(op.result.type)
    args = [em.align(values[a], dims_of(a.type), dims) for a in op.args]
    name = op.ROW.name
    if name == "add" and (fused := accumulate(em, op, args)):
        return fused
    if compared := compare_indices(em, op):
        return compared
    if {element_of(a.type) for a in args} == {IndexType(), i64}:  # an index that may be large has 64 bits
        args = [a if element_of(a.type) == i64 else em.pointwise("cast", a, to=i64) for a in args]
    new = pointwise.build(name, *args, to=element_of(op.result.type))
    return em.once((name, *args, new.result.type), new)


def compare_indices(em: Emitter, op: pointwise.PointwiseOp) -> SSAValue | None:
    """A comparison of small index expressions as one of 32-bit blocks: what is added on one side, what is subtracted on the other."""
    if op.ROW.rule != "bool" or len(op.args) != 2 or is_float(op.args[0].type):
        return None
    a, b = (index_expr(x) for x in op.args)
    if a is None or b is None:
        return None
    form, dims = a - b, dims_of(op.result.type)
    left = Expr(tuple(t for t in form.terms if t[1] > 0))
    right = -Expr(tuple(t for t in form.terms if t[1] < 0))
    sides = [[d for d in em.order if d in e.names] for e in (left, right)]
    if not is_small(left) or not is_small(right) or set(dims) != {*sides[0], *sides[1]} or not dims:
        return None
    values = [em.index(e, dims) for e in (left, right)]
    if not any(blk.shape_of(v.type) for v in values) and em.axes(dims):
        return None
    return em.pointwise(op.ROW.name, *values)


def accumulate(em: Emitter, op: pointwise.PointwiseOp, args: list[SSAValue]) -> SSAValue | None:
    """``acc + dot`` as a dot into ``acc``, if nothing else reads the dot."""
    for k in (0, 1):
        dot, acc = args[k].owner, args[1 - k]
        source = op.args[k]
        if isinstance(dot, blk.DotOp) and not dot.acc and acc.type == dot.result.type and source.has_one_use():
            if dot.result.first_use is not None or dot.parent is not em.builder.insertion_point.block:
                continue
            new = em.add(blk.DotOp(dot.lhs, dot.rhs, acc, dot.precision))
            dot.detach()
            dot.erase()
            return new.result
    return None


def address(
    em: Emitter, index: Sequence[Expr | SSAValue], dims: Sequence[str], values: Values
) -> tuple[list[SSAValue], dict[int, SSAValue]]:
    """Scalar index of each axis, and the lanes to add to some."""
    scalars: list[SSAValue] = []
    lanes: dict[int, SSAValue] = {}
    zero = em.constant(0, IndexType())
    for axis, entry in enumerate(index):
        if isinstance(entry, SSAValue):
            value = em.align(values[entry], dims_of(entry.type), dims)
            if not blk.shape_of(value.type):
                scalars.append(value if value.type in (IndexType(), i64) else em.pointwise("cast", value, to=i64))
                continue
            scalars.append(zero)
            lanes[axis] = value if element_of(value.type) == i64 else em.pointwise("cast", value, to=i64)
            continue
        moving = em.axes(entry.names)
        if not moving:
            scalars.append(em.index(entry))
            continue
        steps = [entry.coefficient(d) for d in moving]
        linear = all(s is not None and not set(moving) & s[0].names for s in steps)
        if not linear:
            scalars.append(zero)
            lanes[axis] = em.index(entry, dims)
            continue
        scalars.append(em.index(entry, (), {d: em.dims[d].base for d in moving}))
        offset = Expr(())
        for d, step in zip(moving, steps, strict=True):
            assert step is not None
            offset = offset + step[0] * Expr.of(d)
        only = {d: lane for d in moving if (lane := em.dims[d].lanes) is not None}
        lanes[axis] = em.index(offset, dims, only)
    return scalars, lanes


def lower_load(em: Emitter, op: LoadOp, values: Values) -> SSAValue:
    dims = dims_of(op.result.type)
    known(em, dims)
    scalars, lanes = address(em, op.index, dims, values)
    extra = em.align(values[op.mask], dims_of(op.mask.type), dims) if op.mask else None
    mask = inside(em, op, scalars, lanes, em.mask(dims, dims, extra))
    element = element_of(op.result.type)
    type = blk.block([em.counts[d] for d in em.axes(dims)], element)
    result = em.add(blk.LoadOp(values[op.source], scalars, lanes, mask, type)).result
    em.zeros[result] = {d for d in em.axes(dims) if em.dims[d].ragged}
    return result


def inside(
    em: Emitter, op: LoadOp, scalars: Sequence[SSAValue], lanes: dict[int, SSAValue], mask: SSAValue | None
) -> SSAValue | None:
    """``mask``, and every index that is a value within its axis: elements elsewhere read 0, whatever the data says."""
    for axis, (entry, size) in enumerate(zip(op.index, type_of(op.source).shape, strict=True)):
        if isinstance(entry, SSAValue):
            at, extent = lanes.get(axis, scalars[axis]), em.index(size)
            if size.constant is None and element_of(extent.type) != element_of(at.type):
                extent = em.pointwise("cast", extent, to=element_of(at.type))
            for here in (em.pointwise("ge", at, em.constant(0, IndexType())), em.pointwise("lt", at, extent)):
                mask = here if mask is None else em.pointwise("and", mask, here)
    return mask


def known(em: Emitter, dims: Sequence[str]) -> None:
    for d in dims:
        if d not in em.dims:
            raise Unsupported(f"dim {d} is streamed, but used outside of its folds")


def lower_store(em: Emitter, op: StoreOp, values: Values) -> None:
    names = [d for e in op.index for d in e.names if d in em.counts]
    known(em, names)
    scalars, lanes = address(em, op.index, names, values)
    value = em.align(values[op.value], dims_of(op.value.type), names)
    type = em.kernel.outputs[op.number.value.data].type
    assert isinstance(type, TensorType)
    if element_of(value.type) != type.element_type:
        value = em.pointwise("cast", value, to=type.element_type)
    em.add(blk.StoreOp(value, op.number.value.data, scalars, lanes, em.mask(names, names)))


def masked(em: Emitter, source: SSAValue, dims: Sequence[str], other: float, values: Values) -> SSAValue:
    """``source`` with ``other`` beyond the limits of ``dims``. Nobody cares for those lanes: later readers get the masked value too."""
    value = values[source]
    ragged = [d for d in em.axes(dims) if em.dims[d].ragged]
    if other == 0 and set(ragged) <= zeroed(em, value):
        return value
    value = em.keep(value, ragged, dims_of(source.type), other)
    if other == 0:
        em.zeros[value] = set(ragged)
    values[source] = value
    return value


def zeroed(em: Emitter, value: SSAValue) -> set[str]:
    """Dims beyond whose limits the value is 0."""
    owner = value.owner
    while isinstance(owner, pointwise.PointwiseOp) and owner.ROW.name == "cast":
        value = owner.args[0]
        owner = value.owner
    return em.zeros.get(value, set())


def lower_reduce(em: Emitter, op: ReduceOp, values: Values) -> SSAValue:
    dims, kind = dims_of(op.source.type), op.kind.data
    over = em.axes(op.dims)
    value = masked(em, op.source, over, identity(kind, element_of(op.source.type)), values)
    return reduce_axes(em, value, em.axes(dims), over, kind)


def reduce_axes(em: Emitter, value: SSAValue, axes: list[str], over: Sequence[str], kind: str) -> SSAValue:
    for dim in reversed(axes):
        if dim in over:
            value = em.add(blk.ReduceOp(kind, value, axes.index(dim))).result
    return value


def lower_contract(em: Emitter, op: ContractOp, values: Values) -> SSAValue:
    over = em.axes(op.dims)
    result_element = element_of(op.result.type)
    a_axes, b_axes = (em.axes(dims_of(v.type)) for v in (op.lhs, op.rhs))
    a, b = (masked(em, v, [d for d in over if d in axes], 0, values) for v, axes in ((op.lhs, a_axes), (op.rhs, b_axes)))
    if is_dot(op, em.counts):
        (row,), (column,) = ([d for d in p if d not in q] for p, q in ((a_axes, b_axes), (b_axes, a_axes)))
        if em.order.index(row) > em.order.index(column):
            a, a_axes, b, b_axes = b, b_axes, a, a_axes
        if a_axes[0] == over[0]:
            a = em.once(("trans", a), blk.TransOp(a))
        if b_axes[0] != over[0]:
            b = em.once(("trans", b), blk.TransOp(b))
        value = em.add(blk.DotOp(a, b, None, op.precision or StringAttr("ieee") if element_of(a.type) == f32 else None))
        result = value.result
    else:
        joint = em.axes([*a_axes, *b_axes])
        element = f64 if element_of(a.type) == f64 else f32
        factors = [em.align(v, axes, joint) for v, axes in ((a, a_axes), (b, b_axes))]
        factors = [v if element_of(v.type) == element else em.pointwise("cast", v, to=element) for v in factors]
        result = reduce_axes(em, em.pointwise("mul", *factors), joint, over, "sum")
    return result if element_of(result.type) == result_element else em.pointwise("cast", result, to=result_element)


def lower_fold(em: Emitter, op: FoldOp, values: Values) -> Sequence[SSAValue]:
    state: list[SSAValue] = []
    for init, arg in zip(op.init, op.body.block.args, strict=True):
        type = blk.block([em.counts[d] for d in em.axes(dims_of(arg.type))], element_of(arg.type))
        value = values[init]
        plain = value.type != type or isinstance(value.owner, ConstantOp)
        state.append(em.add(blk.SplatOp(value, type)).result if plain else value)
    return _loops(em, op, list(op.dims), state, values, _anywhere(em, op.condition, values) if op.condition else None)


def _anywhere(em: Emitter, condition: SSAValue, values: Values) -> SSAValue:
    """Some element of the program's tile wants the fold: all go along, since a step is idle where the condition is false."""
    dims = dims_of(condition.type)
    value = em.mask(dims, dims, values[condition])
    assert value is not None
    return reduce_axes(em, value, em.axes(dims), em.axes(dims), "any")


def _loops(
    em: Emitter, op: FoldOp, dims: list[str], state: list[SSAValue], values: Values, wanted: SSAValue | None = None
) -> Sequence[SSAValue]:
    """One loop for the first of ``dims``, the others inside it; no step where it isn't ``wanted``"""
    if not dims:
        inner = dict(values)
        inner.update(zip(op.body.block.args, state, strict=True))
        lower_ops(em, op.body.block, inner)
        return [inner[v] for v in op.next_state]
    dim, size = dims[0], em.counts[dims[0]]
    low, high = op.ranges[dim]
    known_tiles = {d: (em.counts[d], em.kernel.dims[d]) for d in em.dims}
    exact = bool(op.full) or size == 1 or is_multiple(high - low, size, known_tiles)
    exact = exact or (is_multiple(low, size, known_tiles) and is_multiple(high, size, known_tiles))
    start, stop = (v if v.type == IndexType() else em.pointwise("cast", v, to=IndexType()) for v in map(em.index, (low, high)))
    body = Block(arg_types=[IndexType(), *(s.type for s in state)])
    last = stop if wanted is None else em.pointwise("select", wanted, stop, start)
    loop = blk.ForOp(start, last, size, state, Region(body), stages=None if wanted is None else 1)
    at, saved, dims_before = em.builder.insertion_point, em.done, em.dims
    em.builder.insertion_point = InsertPoint.at_end(body)
    em.done, em.dims = em.done.new_child(), dict(em.dims)
    counter = body.args[0]
    counter.name_hint = dim
    top = Expr.of("t") + size
    end = em.add(blk.IndexOp(top if exact else Expr.of(Call("min", (top, high))), {"t": counter})).result if exact else stop
    lanes = em.add(blk.IotaOp(size)).result if size > 1 else None
    em.dims[dim] = Dim(dim, size, counter, counter, end, lanes, None if exact else stop)
    for arg, old in zip(body.args[1:], op.body.block.args, strict=True):
        arg.name_hint = old.name_hint
    nexts = _loops(em, op, dims[1:], list(body.args[1:]), values)
    em.add(blk.YieldOp(nexts))
    em.builder.insertion_point, em.done, em.dims = at, saved, dims_before
    em.add(loop)
    return loop.outputs
