"""Tensor-level ops and the host function: what they mean, in float64 or (``native``) in their own dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    TerminatorValue,
    impl,
    impl_terminator,
    register_impls,
)
from xdsl.ir import Attribute, SSAValue

from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.dialects.syntax import element_of, is_number
from flashlight_mlir.interpreters.call import parse_args, resolve
from flashlight_mlir.interpreters.frame import Frame
from flashlight_mlir.interpreters.pointwise import dtype_of


def reduce(kind: str, x: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    """``⊕`` over axes; of nothing it is the unit of ``⊕``."""
    axes = list(axes)
    if not axes:
        return x
    match kind:
        case "sum":
            return x.sum(axes, dtype=x.dtype)
        case "any" | "all":
            for axis in sorted(axes, reverse=True):
                x = x.any(axis) if kind == "any" else x.all(axis)
            return x
        case "prod":
            for axis in sorted(axes, reverse=True):
                x = x.prod(axis, dtype=x.dtype)
            return x
        case _:
            if any(x.shape[a] == 0 for a in axes):
                shape = [s for k, s in enumerate(x.shape) if k not in axes]
                return x.new_full(shape, extreme(x.dtype, low=kind == "max"))
            return x.amax(axes) if kind == "max" else x.amin(axes)


def extreme(dtype: torch.dtype, low: bool) -> float | int:
    if dtype.is_floating_point:
        return float("-inf") if low else float("inf")
    if dtype == torch.bool:
        return not low
    return torch.iinfo(dtype).min if low else torch.iinfo(dtype).max


def contract(
    lhs: torch.Tensor, a: Sequence[str], rhs: torch.Tensor, b: Sequence[str], out: Sequence[str], dtype: torch.dtype
) -> torch.Tensor:
    """``Σ lhs · rhs`` over the labels that ``out`` lacks."""
    number = {label: k for k, label in enumerate(dict.fromkeys([*a, *b, *out]))}
    return torch.einsum(lhs.to(dtype), [number[x] for x in a], rhs.to(dtype), [number[x] for x in b], [number[x] for x in out])


def constant(op: arith.ConstantOp, frame: Frame) -> Any:
    """A number for f64 and index, else a scalar tensor."""
    type, attribute = op.result.type, op.value
    if not isinstance(attribute, FloatAttr | IntegerAttr):
        raise NotImplementedError(f"constant {attribute}")
    value = attribute.value.data
    if is_number(type):
        return value
    return torch.full((), value, dtype=dtype_of(type, frame.native), device=frame.device)


@register_impls
class TensorFunctions(InterpreterFunctions):
    def __init__(self, frame: Frame):
        self.frame = frame

    def shape(self, type: Attribute) -> tuple[int, ...]:
        assert isinstance(type, tx.TensorType)
        return tuple(self.frame.size(e) for e in type.shape)

    def dtype(self, value: SSAValue) -> torch.dtype:
        return dtype_of(element_of(value.type), self.frame.native)

    @impl(arith.ConstantOp)
    def run_constant(self, _: Interpreter, op: arith.ConstantOp, args: PythonValues) -> PythonValues:
        return (constant(op, self.frame),)

    @impl(tx.ReshapeOp)
    def run_reshape(self, _: Interpreter, op: tx.ReshapeOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(self.shape(op.result.type)),)

    @impl(tx.TransposeOp)
    def run_transpose(self, _: Interpreter, op: tx.TransposeOp, args: PythonValues) -> PythonValues:
        return (args[0].permute(op.axes),)

    @impl(tx.BroadcastOp)
    def run_broadcast(self, _: Interpreter, op: tx.BroadcastOp, args: PythonValues) -> PythonValues:
        shape, axes, x = self.shape(op.result.type), op.axes, args[0]
        if not isinstance(x, torch.Tensor):
            x = torch.full((), x, dtype=self.dtype(op.result), device=self.frame.device)
        return (x.reshape([n if k in axes else 1 for k, n in enumerate(shape)]).expand(shape),)

    @impl(tx.SliceOp)
    def run_slice(self, _: Interpreter, op: tx.SliceOp, args: PythonValues) -> PythonValues:
        axis, step, start = op.axis.value.data, op.step.value.data, self.frame.size(op.start.data)
        count = self.shape(op.result.type)[axis]
        if start < 0 or (count and start + (count - 1) * step >= args[0].shape[axis]):
            raise ValueError(f"slice leaves axis {axis} of {tuple(args[0].shape)}")
        index = [slice(None)] * axis + [slice(start, start + count * step, step)]
        return (args[0][tuple(index)],)

    @impl(tx.PadOp)
    def run_pad(self, _: Interpreter, op: tx.PadOp, args: PythonValues) -> PythonValues:
        (x,) = args
        axis = op.axis.value.data
        low, high = ([n if k == axis else s for k, s in enumerate(x.shape)] for n in (op.low.value.data, op.high.value.data))
        return (torch.cat([x.new_zeros(low), x, x.new_zeros(high)], axis),)

    @impl(tx.ConcatOp)
    def run_concat(self, _: Interpreter, op: tx.ConcatOp, args: PythonValues) -> PythonValues:
        return (torch.cat(list(args), op.axis.value.data),)

    @impl(tx.TakeOp)
    def run_take(self, _: Interpreter, op: tx.TakeOp, args: PythonValues) -> PythonValues:
        source, at = args
        if at.numel() and (int(at.min()) < 0 or int(at.max()) >= source.shape[op.axis.value.data]):
            raise IndexError(f"take: an index leaves axis {op.axis.value.data} of {tuple(source.shape)}")
        taken = source.index_select(op.axis.value.data, at.reshape(-1).long())
        return (taken.reshape(self.shape(op.result.type)),)

    @impl(tx.IotaOp)
    def run_iota(self, _: Interpreter, op: tx.IotaOp, args: PythonValues) -> PythonValues:
        shape, axis = self.shape(op.result.type), op.axis.value.data
        count = torch.arange(shape[axis], device=self.frame.device).to(self.dtype(op.result))
        return (count.reshape([-1 if k == axis else 1 for k in range(len(shape))]).expand(shape),)

    @impl(tx.ReduceOp)
    def run_reduce(self, _: Interpreter, op: tx.ReduceOp, args: PythonValues) -> PythonValues:
        return (reduce(op.kind.data, args[0], op.axes).to(self.dtype(op.result)),)

    @impl(tx.ContractOp)
    def run_contract(self, _: Interpreter, op: tx.ContractOp, args: PythonValues) -> PythonValues:
        a, b, out = op.maps
        return (contract(args[0], a, args[1], b, out, self.dtype(op.result)),)

    @impl(tx.CallOp)
    def run_call(self, _: Interpreter, op: tx.CallOp, args: PythonValues) -> PythonValues:
        positional, named = parse_args(op.spelling.data, args, self.frame.sizes)
        target = resolve(op.callee.data)
        if any(a.name == "device" for a in target._schema.arguments):  # spelled nowhere: the inputs' own
            named.setdefault("device", self.frame.device)
        out: Any = target(*positional, **named)
        outs: list[torch.Tensor] = list(out) if isinstance(out, tuple | list) else [out]  # pyright: ignore[reportUnknownArgumentType]: was Any
        wanted = op.outputs
        return tuple(o.to(self.dtype(w)) for o, w in zip(outs[: len(wanted)], wanted, strict=True))

    @impl(tx.GroupOp)
    def run_group(self, interpreter: Interpreter, op: tx.GroupOp, args: PythonValues) -> PythonValues:
        return interpreter.run_ssacfg_region(op.body, args, op.sym_name.data)

    @impl_terminator(tx.YieldOp)
    def run_yield(self, _: Interpreter, op: tx.YieldOp, args: PythonValues) -> tuple[TerminatorValue, PythonValues]:
        return ReturnedValues(args), ()
