"""A host program as an FX graph: our own interpreter runs it on fake tensors, and a kernel is a call of the one op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch._guards import detect_fake_mode
from torch._inductor.decomposition import select_decomp_table
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from flashlight_mlir.backend.text import to_text
from flashlight_mlir.bridge.build import Built
from flashlight_mlir.bridge.nodes import hint
from flashlight_mlir.bridge.op import KERNEL
from flashlight_mlir.bridge.operands import formula, lane_axes, readable
from flashlight_mlir.bridge.regions import Region, is_size
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.dialects.block import KernelOp
from flashlight_mlir.expr import Expr
from flashlight_mlir.interpreters import Frame, entry, interpreter, run
from flashlight_mlir.interpreters.frame import value_of


class SymbolicFrame(Frame):
    """Sizes stay symbols."""

    def size(self, expr: Expr) -> Any:
        return value_of(expr, self.env({}))


@register_impls
class Calls(InterpreterFunctions):
    """A kernel is a call of the op; an index that is a value cannot be looked at."""

    def __init__(self, texts: dict[KernelOp, tuple[str, tuple[str, ...]]], frame: Frame):
        self.texts, self.frame = texts, frame

    @impl(KernelOp)
    def run_kernel(self, _: Interpreter, op: KernelOp, args: PythonValues) -> PythonValues:
        text, symbols = self.texts[op]
        inputs = [readable(x, lanes) for x, lanes in zip(args, lane_axes(op), strict=False)]
        return tuple(KERNEL(inputs, [self.frame.sizes[s] for s in symbols], text))

    @impl(tx.TakeOp)
    def run_take(self, _: Interpreter, op: tx.TakeOp, args: PythonValues) -> PythonValues:
        taken = args[0].index_select(op.axis.value.data, args[1].reshape(-1).long())
        return (taken.reshape(tuple(map(self.frame.size, tx.type_of(op.result).shape))),)


def size_node(graph: Graph, symbol: Any) -> Node | None:
    """The node that gives a symbol's value."""
    for node in graph.nodes:
        value: Any = node.meta.get("val")
        if is_size(node) and value.node.expr == symbol:
            return node
    return None


def laid_out(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """``x`` with the order of strides of ``like``: the layout that the graph promises."""
    if all(formula(n) == "1" or formula(a) == formula(b) for n, a, b in zip(x.shape, x.stride(), like.stride(), strict=True)):
        return x
    order = sorted(range(like.dim()), key=lambda axis: hint(like.stride(axis)), reverse=True)
    return x.permute(order).clone(memory_format=torch.contiguous_format).permute([order.index(axis) for axis in range(like.dim())])


def trace(built: Built, region: Region, symbols: Sequence[str], sizes: Sequence[Node]) -> GraphModule:
    """The host program on (sizes, then inputs), which stand in the graph's metadata as they stood in the region's."""
    fakes: list[Any] = [n.meta["val"] for n in region.inputs]
    fake_mode = detect_fake_mode(fakes)
    assert fake_mode is not None
    fakes = [x if isinstance(x, FakeTensor) else fake_mode.from_tensor(x) for x in fakes]  # constants of the graph are real
    values = [*(n.meta["val"] for n in sizes), *fakes]
    kernels = [op for op in built.module.walk() if isinstance(op, KernelOp)]
    texts = {op: (to_text(k), k.symbols) for op, k in zip(kernels, built.kernels, strict=True)}
    func = entry(built.module)

    def host(*args: Any) -> list[torch.Tensor]:
        frame = SymbolicFrame(dict(zip(symbols, args, strict=False)), native=True, device=fakes[0].device)
        results = run(interpreter(built.module, frame, Calls(texts, frame)), func, args[len(sizes) :], native=True)
        return [laid_out(x, n.meta["val"]) for x, n in zip(results, region.outputs, strict=True)]

    with fake_mode:
        traced: Any = make_fx(host, decomposition_table=select_decomp_table(), tracing_mode="real")(*values)
    return traced
