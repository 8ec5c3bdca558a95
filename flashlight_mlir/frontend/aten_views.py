"""Views and copies: reshape, transpose, broadcast, slice, concat, pad and take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.ir import SSAValue

from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend.builder import ONE, Number, Shape, Value, shape_of
from flashlight_mlir.frontend.handlers import Context, Unsupported, handles, value

INT_MAX = 2**63 - 1


@handles(
    "clone.default", "contiguous.default", "alias.default", "detach.default", "lift.default", "lift_fresh.default",
    "lift_fresh_copy.default", "positive.default",
)  # fmt: skip
def same(c: Context, x: Value, **_: Any) -> Value:
    return x


@handles("unsqueeze.default", "squeeze.default", "squeeze.dim", "squeeze.dims", "flatten.using_ints", "unflatten.int")
def squeeze(c: Context, x: Value, *_: Any) -> Value:
    return c.number(x.value) if isinstance(x, Number) else c.b.reshape(c.b.tensor(x), c.shape)


@handles("view.default", "reshape.default", "_unsafe_view.default", "view_copy.default", "_reshape_alias.default")
def reshape(c: Context, x: Value, *args: Any) -> Value:
    return c.number(x.value) if isinstance(x, Number) else c.b.reshape(c.b.tensor(x), _spelled(c, args))


def _spelled(c: Context, args: Sequence[Any]) -> Shape:
    """The result's shape, with sizes spelled as the program does (``S``, not ``(S floordiv H) * H``)."""
    if not args or not isinstance(args[0], list | tuple):
        return c.shape
    given: list[Any] = [*args[0]]
    return tuple(n if g == -1 else Expr.of(g) for g, n in zip(given, c.shape, strict=True))


@handles("expand.default", "expand_copy.default", "broadcast_to.default")
def expand(c: Context, x: Value, *args: Any, **_: Any) -> Value:
    return c.number(x.value) if isinstance(x, Number) else c.b.broadcast(c.b.tensor(x), _spelled(c, args))


@handles("permute.default", "permute_copy.default")
def permute(c: Context, x: Value, dims: Sequence[int]) -> Value:
    if isinstance(x, Number):
        return c.number(x.value)
    return c.b.transpose(c.b.tensor(x), [d % len(dims) for d in dims])


@handles("transpose.int", "swapaxes.default")
def transpose(c: Context, x: Value, a: int, b: int) -> Value:
    order = list(range(len(shape_of(x))))
    if order:
        order[a], order[b] = order[b], order[a]
    return permute(c, x, order)


@handles("t.default")
def t(c: Context, x: Value) -> Value:
    return permute(c, x, list(reversed(range(len(shape_of(x))))))


def _start(size: Expr, at: Any) -> Expr:
    """Where a slice begins: negative positions count from the end, and both ends clamp."""
    e = Expr.of(0 if at is None else at)
    if e.constant is None:
        return e
    if e.constant < 0:
        e = size + e
        return Expr.of(max(0, e.constant)) if e.constant is not None else e
    return Expr.of(min(e.constant, size.constant)) if size.constant is not None else e


def cut(c: Context, x: SSAValue, axis: int, start: Expr, step: int, size: Expr) -> SSAValue:
    if start == Expr.of(0) and step == 1 and shape_of(x)[axis] == size:
        return x
    return c.b.emit(tx.SliceOp(x, axis, start, step, size))


@handles("slice.Tensor", "slice_copy.Tensor")
def slice_(c: Context, x: Value, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Value:
    if isinstance(x, Number):
        return c.number(x.value)
    x = c.b.tensor(x)
    axis = dim % len(shape_of(x))
    return cut(c, x, axis, _start(shape_of(x)[axis], start), step, c.shape[axis])


@handles("select.int", "select_copy.int")
def select(c: Context, x: Value, dim: int, index: Any) -> Value:
    if isinstance(x, Number):
        return c.number(x.value)
    x = c.b.tensor(x)
    axis = dim % len(shape_of(x))
    return c.b.reshape(cut(c, x, axis, _start(shape_of(x)[axis], index), 1, ONE), c.shape)


def _pieces(c: Context, x: Value, dim: int) -> list[Value]:
    """Consecutive slices, as long as the node's results are."""
    x = c.b.tensor(x)
    axis, start, out = dim % len(shape_of(x)), Expr.of(0), list[Value]()
    for meta in c.meta:
        size = c.sizes.expr(meta.shape[axis])
        out.append(cut(c, x, axis, start, 1, size))
        start = start + size
    return out


@handles("split.Tensor", "split_with_sizes.default", "split_with_sizes_copy.default", "split_copy.Tensor", "chunk.default")
def split(c: Context, x: Value, _: Any, dim: int = 0) -> list[Value]:
    return _pieces(c, x, dim)


@handles("unbind.int")
def unbind(c: Context, x: Value, dim: int = 0) -> list[Value]:
    x = c.b.tensor(x)
    axis = dim % len(shape_of(x))
    shape = tuple(n for k, n in enumerate(shape_of(x)) if k != axis)
    return [c.b.reshape(cut(c, x, axis, Expr.of(k), 1, ONE), shape) for k in range(len(c.meta))]


@handles("cat.default")
def cat(c: Context, parts: Sequence[Value], dim: int = 0) -> SSAValue:
    axis = dim % len(c.shape)
    tensors = [c.b.tensor(p, c.dtype) for p in parts if len(shape_of(p)) == len(c.shape)]  # else a 1-d empty one
    return tensors[0] if len(tensors) == 1 else c.b.emit(tx.ConcatOp(tensors, axis))


@handles("stack.default")
def stack(c: Context, parts: Sequence[Value], dim: int = 0) -> SSAValue:
    axis = dim % len(c.shape)
    shape = tuple(ONE if k == axis else n for k, n in enumerate(c.shape))
    tensors = [c.b.reshape(c.b.tensor(p, c.dtype), shape) for p in parts]
    return tensors[0] if len(tensors) == 1 else c.b.emit(tx.ConcatOp(tensors, axis))


@handles("constant_pad_nd.default")
def pad(c: Context, x: Value, amounts: Sequence[Any], fill: Any = 0) -> SSAValue:
    if not all(isinstance(n, int) for n in amounts):
        raise Unsupported
    x = c.b.tensor(x)
    inside: SSAValue | None = None
    for k in range(0, len(amounts), 2):
        low, high = amounts[k], amounts[k + 1]
        axis = len(shape_of(x)) - 1 - k // 2
        size = shape_of(x)[axis] + min(low, 0) + min(high, 0)
        x = cut(c, x, axis, Expr.of(max(-low, 0)), 1, size)
        low, high = max(low, 0), max(high, 0)
        if low or high:
            x = c.b.emit(tx.PadOp(x, axis, low, high))
            if fill != 0:
                at = c.b.iota(axis, c.shape)
                here = c.b.pointwise("and", c.b.pointwise("ge", at, Number(low)), c.b.pointwise("lt", at, size + low))
                inside = here if inside is None else c.b.pointwise("and", inside, here)
    return x if inside is None else c.b.pointwise("select", inside, x, value(fill))


@handles("repeat.default")
def repeat(c: Context, x: Value, repeats: Sequence[Any]) -> Value:
    """Copies stand one after another: an axis of copies before each axis, merged with it."""
    if isinstance(x, Number):
        return c.number(x.value)
    x = c.b.tensor(x)
    counts = [Expr.of(n) for n in repeats]
    own = (ONE,) * (len(counts) - len(shape_of(x))) + shape_of(x)
    apart = tuple(n for size in own for n in (ONE, size))
    spread = tuple(n for count, size in zip(counts, own, strict=True) for n in (count, size))
    return c.b.reshape(c.b.broadcast(c.b.reshape(x, apart), spread), c.shape)


@handles("slice_scatter.default")
def slice_scatter(c: Context, x: Value, src: Value, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> SSAValue:
    """``x`` with ``src`` in the place of a slice: what stands before it, ``src``, and what stands behind."""
    x, src = c.b.tensor(x, c.dtype), c.b.tensor(src, c.dtype)
    axis = dim % len(c.shape)
    if step != 1:
        raise Unsupported
    return _with(c, x, src, axis, _start(c.shape[axis], start))


@handles("select_scatter.default")
def select_scatter(c: Context, x: Value, src: Value, dim: int, index: Any) -> SSAValue:
    x, src = c.b.tensor(x, c.dtype), c.b.tensor(src, c.dtype)
    axis = dim % len(c.shape)
    row = c.b.reshape(src, tuple(ONE if k == axis else n for k, n in enumerate(c.shape)))
    return _with(c, x, row, axis, _start(c.shape[axis], index))


def _with(c: Context, x: SSAValue, src: SSAValue, axis: int, start: Expr) -> SSAValue:
    own, size = c.shape[axis], shape_of(src)[axis]
    behind = own - start - size
    parts = [cut(c, x, axis, Expr.of(0), 1, start), src, cut(c, x, axis, start + size, 1, behind)]
    parts = [p for p in parts if shape_of(p)[axis] != Expr.of(0)]
    return parts[0] if len(parts) == 1 else c.b.emit(tx.ConcatOp(parts, axis))


@handles("flip.default", "prims.rev.default")
def flip(c: Context, x: Value, dims: Sequence[int]) -> SSAValue:
    x = c.b.tensor(x)
    for dim in dims:
        axis = dim % len(shape_of(x))
        size = shape_of(x)[axis]
        last = c.b.pointwise("sub", size - 1, c.b.iota(0, (size,)))
        x = c.b.emit(tx.TakeOp(x, axis, last))
    return x
