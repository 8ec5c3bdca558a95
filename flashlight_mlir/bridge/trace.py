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

from flashlight_mlir.bridge.build import Built
from flashlight_mlir.bridge.nodes import hint
from flashlight_mlir.bridge.operands import formula, lane_axes, readable
from flashlight_mlir.bridge.regions import Region, is_size
from flashlight_mlir.dialects.block import KernelOp
from flashlight_mlir.export.graph import run_traced


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


def prepared(op: KernelOp, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """A kernel's inputs in the layout that its loads want."""
    return [readable(x, lanes) for x, lanes in zip(inputs, lane_axes(op), strict=False)]


def trace(built: Built, region: Region, symbols: Sequence[str], sizes: Sequence[Node]) -> GraphModule:
    """The host program on (sizes, then inputs), which stand in the graph's metadata as they stood in the region's."""
    fakes: list[Any] = [n.meta["val"] for n in region.inputs]
    fake_mode = detect_fake_mode(fakes)
    assert fake_mode is not None
    fakes = [x if isinstance(x, FakeTensor) else fake_mode.from_tensor(x) for x in fakes]  # constants of the graph are real
    values = [*(n.meta["val"] for n in sizes), *fakes]

    def host(*args: Any) -> list[torch.Tensor]:
        results = run_traced(built.module, built.kernels, dict(zip(symbols, args, strict=False)), args[len(sizes) :], prepared)
        return [laid_out(x, n.meta["val"]) for x, n in zip(results, region.outputs, strict=True)]

    with fake_mode:
        traced: Any = make_fx(host, decomposition_table=select_decomp_table(), tracing_mode="real")(*values)
    return traced
