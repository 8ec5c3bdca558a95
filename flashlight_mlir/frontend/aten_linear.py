"""Matrix products. ATen reshapes every batch to one axis and back; here the axes, and what broadcasts, stay apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from xdsl.ir import SSAValue

from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend.builder import Shape, Value, defining, dtype_of, shape_of
from flashlight_mlir.frontend.dtypes import element
from flashlight_mlir.frontend.handlers import Context, Unsupported, handles, value

BATCH = ("b", "h", "g", "r", "s", "t", "u", "v", "w")


def _precision(dtype: torch.dtype) -> str | None:
    """What torch's setting says of f32 products."""
    return "tf32" if dtype == torch.float32 and torch.backends.cuda.matmul.fp32_precision == "tf32" else None


def _labelled(x: SSAValue, labels: Sequence[str], keep: Sequence[str]) -> tuple[SSAValue, list[str]]:
    """Look through transposes, and broadcasts of labels not in ``keep``: they are a choice of labels."""
    names = list(labels)
    while True:
        match defining(x):
            case tx.TransposeOp() as op:
                sources = [""] * len(names)
                for k, axis in enumerate(op.axes):
                    sources[axis] = names[k]
                x, names = op.source, sources
            case tx.BroadcastOp() as op if isinstance(op.source.type, tx.TensorType):
                rest = [names[a] for a in op.axes]
                if any(n in keep for n in names if n not in rest):
                    return x, names
                x, names = op.source, rest
            case _:
                return x, names


def _leads(x: SSAValue, kept: int) -> Shape:
    """The axes that were merged into the first one."""
    if isinstance(op := defining(x), tx.ReshapeOp):
        source = shape_of(op.source)
        if len(source) > kept and source[len(source) - kept :] == shape_of(x)[1:]:
            return source[: len(source) - kept]
    return shape_of(x)[:1]


def _contract(
    c: Context, a: SSAValue, la: Sequence[str], b: SSAValue, lb: Sequence[str], out: Sequence[str], dtype: torch.dtype
) -> SSAValue:
    keep = [n for n in (*la, *lb) if n not in out]
    lhs, left = _labelled(a, la, [*keep, *(n for n in la if n not in lb)])
    rhs, right = _labelled(b, lb, [*keep, *(n for n in lb if n not in la), *(n for n in lb if n not in left)])
    return c.b.emit(tx.ContractOp(lhs, left, rhs, right, out, element(dtype), _precision(dtype_of(lhs))))


def bmm(c: Context, a: SSAValue, b: SSAValue, dtype: torch.dtype) -> SSAValue:
    shape = (shape_of(a)[0], shape_of(a)[1], shape_of(b)[2])
    if shape[0] == Expr.of(1):  # one batch: what was merged into the rows comes apart
        rows, columns = (c.b.reshape(x, shape_of(x)[1:]) for x in (a, b))
        return c.b.reshape(mm(c, rows, columns, dtype), shape)
    seen = c.seen_as()
    viewed = seen is not None and seen[-2:] == shape[1:]
    batch = seen[:-2] if seen is not None and viewed else min(_leads(a, 2), _leads(b, 2), key=len)
    batch = batch if len(batch) <= len(BATCH) else shape[:1]
    inner = shape_of(a)[2]
    a, b = c.b.reshape(a, (*batch, shape[1], inner)), c.b.reshape(b, (*batch, inner, shape[2]))
    names = BATCH[: len(batch)]
    out = _contract(c, a, [*names, "i", "k"], b, [*names, "k", "j"], [*names, "i", "j"], dtype)
    return c.b.reshape(out, shape)


def mm(c: Context, a: SSAValue, b: SSAValue, dtype: torch.dtype) -> SSAValue:
    shape = (shape_of(a)[0], shape_of(b)[1])
    seen = c.seen_as()
    rows = seen[:-1] if seen is not None and seen[-1:] == shape[1:] else _leads(a, 1)
    rows = rows if len(rows) <= len(BATCH) + 1 else shape[:1]
    inner = shape_of(a)[1]
    a, b = c.b.reshape(a, (*rows, inner)), c.b.reshape(b, (inner, shape[1]))
    names = [*BATCH[: len(rows) - 1], "i"]
    return c.b.reshape(_contract(c, a, [*names, "k"], b, ["k", "j"], [*names, "j"], dtype), shape)


@handles("bmm.default")
def _bmm(c: Context, a: Value, b: Value) -> SSAValue:
    return bmm(c, c.b.tensor(a), c.b.tensor(b), c.dtype)


@handles("mm.default")
def _mm(c: Context, a: Value, b: Value) -> SSAValue:
    return mm(c, c.b.tensor(a), c.b.tensor(b), c.dtype)


def _plus(c: Context, x: Value, product: SSAValue, beta: Any, alpha: Any) -> SSAValue:
    """``beta * x + alpha * product``, rounded once."""
    dtype = dtype_of(product)
    if alpha != 1:
        product = c.b.pointwise("mul", product, value(alpha))
    if beta != 0:
        x = c.b.tensor(x, dtype)
        x = x if beta == 1 else c.b.pointwise("mul", x, value(beta))
        product = c.b.pointwise("add", product, x)
    return c.b.cast(product, c.dtype)


def _accumulator(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype.is_floating_point else dtype


@handles("addmm.default")
def addmm(c: Context, x: Value, a: Value, b: Value, *, beta: Any = 1, alpha: Any = 1) -> SSAValue:
    return _plus(c, x, mm(c, c.b.tensor(a), c.b.tensor(b), _accumulator(c.dtype)), beta, alpha)


@handles("baddbmm.default")
def baddbmm(c: Context, x: Value, a: Value, b: Value, *, beta: Any = 1, alpha: Any = 1) -> SSAValue:
    return _plus(c, x, bmm(c, c.b.tensor(a), c.b.tensor(b), _accumulator(c.dtype)), beta, alpha)


@handles("mv.default", "dot.default")
def mv(c: Context, a: Value, b: Value) -> SSAValue:
    a, b = c.b.tensor(a), c.b.tensor(b)
    labels = ["i", "k"][2 - len(shape_of(a)) :]
    return _contract(c, a, labels, b, ["k"], labels[:-1], c.dtype)


@handles("convolution.default")
def pointwise_convolution(
    c: Context, x: Value, w: Value, bias: Value | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: Any,
) -> SSAValue:  # fmt: skip
    """A convolution whose kernel is one point mixes channels: a contraction."""
    x, w = c.b.tensor(x), c.b.tensor(w)
    points = shape_of(w)[2:]
    if transposed or groups != 1 or any(n != Expr.of(1) for n in points) or {*stride} != {1} or {*padding} != {0}:
        raise Unsupported
    names = BATCH[1 : 1 + len(points)]
    matrix = c.b.reshape(w, shape_of(w)[:2])
    out = _contract(c, x, ["b", "k", *names], matrix, ["o", "k"], ["b", "o", *names], c.dtype)
    if bias is None:
        return out
    rows = c.b.reshape(c.b.tensor(bias, c.dtype), (shape_of(w)[0], *points))
    return c.b.pointwise("add", out, c.b.broadcast(rows, c.shape))
