"""Never worse: which regions are better left to Inductor, by rules that give the same answer on every boot."""

from __future__ import annotations

import copy
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node
from xdsl.dialects.builtin import f32

from flashlight_mlir.analysis.cost import BANDWIDTH, CONTRACT_RATE, LAUNCH
from flashlight_mlir.analysis.products import is_dot
from flashlight_mlir.bridge.nodes import hint, kind, tensors
from flashlight_mlir.bridge.regions import Region, is_view
from flashlight_mlir.bridge.savings import Savings
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.dialects.loop import ContractOp, FoldOp, KernelOp, dims_of
from flashlight_mlir.passes.lower.dims import lane_counts


def left(region: Region) -> str | None:
    """Why a region is not even compiled."""
    if not any(kind(n) == "contraction" for n in region.members):
        return "reductions without a contraction: Inductor fuses these as well"
    if any(hint(size) == 0 for n in (*region.inputs, *region.nodes) for x in tensors(n) for size in x.shape):
        return "it has an axis of length 0"
    return vendors_kernel(region)


def vendors_kernel(region: Region) -> str | None:
    """Inductor's own patterns, run after our hook, would make a call of a vendor's kernel of it."""
    from torch._inductor.fx_passes import joint_graph

    alone = module_of(_with_views(region))
    before = {str(n.target) for n in alone.graph.nodes}
    joint_graph.lazy_init(region.inputs[0].meta["val"].device)
    patterns: Any = joint_graph.patterns
    patterns.apply(alone.graph)
    new = sorted({str(n.target) for n in alone.graph.nodes} - before)
    found = [name for name in new if "scaled_dot_product" in name]
    return f"Inductor makes it {found[0]}, a vendor's kernel" if found else None


def _with_views(region: Region) -> Region:
    """The region with the views right after it: Inductor's patterns end in one."""
    nodes, queue, outputs = list(region.nodes), list(region.outputs), list[Node]()
    for node in queue:
        views = [u for u in node.users if is_view(u) and u not in nodes and u.all_input_nodes == [node]]
        nodes += views
        queue += views
        if any(u not in nodes for u in node.users):
            outputs.append(node)
    return replace(region, nodes=tuple(nodes), outputs=tuple(outputs))


def module_of(region: Region) -> GraphModule:
    """The region as a module of its own."""
    graph = Graph()
    mapping: dict[Node, Node] = {}
    for node in (*region.inputs, *region.constants):
        mapping[node] = graph.placeholder(node.name)
        mapping[node].meta = copy.copy(node.meta)
    for node in region.nodes:
        mapping[node] = graph.node_copy(node, lambda n: mapping[n] if n in mapping else _symbol(graph, n, mapping))
    graph.output(tuple(mapping[n] for n in region.outputs))
    return GraphModule(torch.nn.Module(), graph)


def _symbol(graph: Graph, node: Node, mapping: dict[Node, Node]) -> Node:
    """A size from outside is one more input."""
    first = next(iter(graph.nodes))
    with graph.inserting_before(first):
        mapping[node] = graph.placeholder(node.name)
        mapping[node].meta = copy.copy(node.meta)
    return mapping[node]


F32 = "f32 products without tensor cores"
F32_FUSED = 1.15e13
"""Operations a second of f32 products without tensor cores in a Triton kernel (H100: 24 ms for 275 GFLOP)."""
F32_LIBRARY = 4.5e13
"""… and in cuBLAS."""


def declines(group: tx.GroupOp, savings: Savings) -> str | None:
    """Why a group of a region is better left to Inductor."""
    contractions = [op for op in group.body.block.ops if isinstance(op, tx.ContractOp)]
    reductions = sum(isinstance(op, tx.ReduceOp) for op in group.body.block.ops)
    if not contractions:
        return "reductions without a contraction: Inductor fuses these as well"
    if len(contractions) + reductions < 2:
        return "a single contraction: a vendor's library has it"
    if any(map(_is_ieee, contractions)):
        fused = savings.flops / F32_FUSED
        apart = savings.flops / F32_LIBRARY + 2 * savings.bytes / BANDWIDTH + LAUNCH
        if fused > apart:
            return f"{F32}: fused {fused * 1e3:.3g} ms, by a vendor's library {apart * 1e3:.3g} ms"
    return None


BY_HAND = "products that are no matrix products"
AGAIN = "products that each program computes again"


def by_hand(kernel: KernelOp, savings: Savings) -> str | None:
    """Why a tiled kernel is slow: products that are no matrix products of two blocks are multiplied and summed lane by lane.

    What lacks a dim of the grid is computed again for each of its tiles. A fold that continues another does a part of its work.
    """
    assert kernel.schedule
    counts = lane_counts(kernel)
    tiles = {p.dim: -(-savings.size(kernel.dims[p.dim]) // counts[p.dim]) for p in kernel.schedule.data.grid}
    lanes = dots = 0
    for op in kernel.body.walk():
        fold = op.parent_op()
        if isinstance(op, ContractOp) and not (isinstance(fold, FoldOp) and fold.continues):
            dims = {d for v in (op.lhs, op.rhs) for d in dims_of(v.type)}
            work = 2 * prod(savings.size(kernel.dims[d]) for d in dims) * prod(n for d, n in tiles.items() if d not in dims)
            dots, lanes = (dots + work, lanes) if is_dot(op, counts) else (dots, lanes + work)
    memory = savings.read / BANDWIDTH
    fused = max(lanes / F32_FUSED + dots / CONTRACT_RATE, memory)
    apart = savings.flops / CONTRACT_RATE + memory + 2 * savings.bytes / BANDWIDTH + LAUNCH
    if fused <= apart:
        return None
    why = BY_HAND if lanes / F32_FUSED > dots / CONTRACT_RATE else AGAIN
    return f"{why}: fused {fused * 1e3:.3g} ms, by a vendor's library {apart * 1e3:.3g} ms"


def _is_ieee(op: tx.ContractOp) -> bool:
    """Factors in f32 that torch's setting does not let be rounded to TF32."""
    tf32 = op.precision is not None and op.precision.data == "tf32"
    return not tf32 and tx.type_of(op.lhs).element_type == f32
