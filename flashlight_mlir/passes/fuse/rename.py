"""Renaming dims in a flat kernel, with equal ops computed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from flashlight_mlir.dialects.expr import ExprAttr
from flashlight_mlir.dialects.loop import KernelOp, StoreOp, TileType, tile
from flashlight_mlir.expr import Expr


def rename_attr(attr: Attribute, env: Mapping[str, str], order: Sequence[str]) -> Attribute:
    """``attr`` with dims renamed: in types, in index expressions, in the dims that a reduction runs over."""
    match attr:
        case TileType():
            dims = {env.get(d, d) for d in attr.dims}
            return tile([d for d in order if d in dims], attr.element_type)
        case ExprAttr():
            return ExprAttr(attr.data.substitute({d: Expr.of(n) for d, n in env.items()}))
        case ArrayAttr():
            parts: Iterable[Attribute] = attr.data
            return ArrayAttr([rename_attr(a, env, order) for a in parts])
        case StringAttr():
            return StringAttr(env.get(attr.data, attr.data))
        case _:
            return attr


def signature(op: Operation, operands: Sequence[object], env: Mapping[str, str], order: Sequence[str]) -> tuple[object, ...]:
    """Equal for ops that compute the same value once dims are renamed."""
    props = tuple(sorted((k, str(_renamed(k, a, env, order))) for k, a in op.properties.items()))
    types = tuple(rename_attr(t, env, order) for t in op.result_types)
    return op.name, tuple(operands), props, types


def _renamed(key: str, attr: Attribute, env: Mapping[str, str], order: Sequence[str]) -> Attribute:
    return rename_attr(attr, env, order) if key in ("over", "indices", "expr") else attr


def rename_dims(kernel: KernelOp, env: Mapping[str, str]) -> None:
    """Rename dims of a flat kernel, drop those that go, and compute equal values once."""
    dims = {d: e for d, e in kernel.dims.items() if d not in env}
    order, block = list(dims), kernel.block
    values: dict[SSAValue, SSAValue] = {a: a for a in block.args}
    seen: dict[tuple[object, ...], Operation] = {}
    old = list(block.ops)
    for op in old:
        operands = [values[v] for v in op.operands]
        key = signature(op, operands, env, order)
        new = seen.get(key)
        if new is None or isinstance(op, StoreOp):
            new = type(op).create(
                operands=operands,
                result_types=[rename_attr(t, env, order) for t in op.result_types],
                properties={k: _renamed(k, a, env, order) for k, a in op.properties.items()},
                attributes=op.attributes,
            )
            new.location = op.location
            for a, b in zip(new.results, op.results, strict=True):
                a.name_hint = b.name_hint
            block.add_op(new)
            seen[key] = new
        values.update(zip(op.results, new.results, strict=True))
    _erase(block, old)
    kernel.dims = dims


def _erase(block: Block, ops: Sequence[Operation]) -> None:
    for op in reversed(ops):
        block.erase_op(op)
