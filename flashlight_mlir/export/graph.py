"""A host program as torch's tracer sees it: sizes may be symbols, values may be fake, and a kernel is a call of the one op."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from flashlight_mlir.backend.source import KernelSource
from flashlight_mlir.backend.text import to_text
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.dialects.block import KernelOp
from flashlight_mlir.export.op import KERNEL
from flashlight_mlir.expr import Expr
from flashlight_mlir.interpreters import Frame, entry, interpreter, run
from flashlight_mlir.interpreters.frame import value_of

Prepared = Callable[[KernelOp, Sequence[torch.Tensor]], list[torch.Tensor]]


class SymbolicFrame(Frame):
    """Sizes stay symbols."""

    def size(self, expr: Expr) -> Any:
        return value_of(expr, self.env({}))


@register_impls
class Calls(InterpreterFunctions):
    """A kernel is a call of the op; an index that is a value cannot be looked at."""

    def __init__(self, texts: dict[KernelOp, tuple[str, tuple[str, ...]]], frame: Frame, prepared: Prepared):
        self.texts, self.frame, self.prepared = texts, frame, prepared

    @impl(KernelOp)
    def run_kernel(self, _: Interpreter, op: KernelOp, args: PythonValues) -> PythonValues:
        text, symbols = self.texts[op]
        return tuple(KERNEL(self.prepared(op, args), [self.frame.sizes[s] for s in symbols], text))

    @impl(tx.TakeOp)
    def run_take(self, _: Interpreter, op: tx.TakeOp, args: PythonValues) -> PythonValues:
        taken = args[0].index_select(op.axis.value.data, args[1].reshape(-1).long())
        return (taken.reshape(tuple(map(self.frame.size, tx.type_of(op.result).shape))),)


def run_traced(
    module: ModuleOp,
    kernels: Sequence[KernelSource],
    sizes: Mapping[str, Any],
    inputs: Sequence[torch.Tensor],
    prepared: Prepared = lambda _, inputs: list(inputs),
) -> list[torch.Tensor]:
    """Run a module (lowered, or with no kernels yet) under a tracer; ``prepared`` is what a kernel is given."""
    frame = SymbolicFrame(dict(sizes), native=True, device=inputs[0].device)
    ops = [op for op in module.walk() if isinstance(op, KernelOp)]
    texts = {op: (to_text(k), k.symbols) for op, k in zip(ops, kernels, strict=True)}
    return run(interpreter(module, frame, Calls(texts, frame, prepared)), entry(module), inputs, native=True)
