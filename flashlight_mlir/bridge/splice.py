"""Put a region's host program into the graph in the place of the region's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node
from torch.fx import node as fx_node

from flashlight_mlir.bridge.regions import Region

_map_arg: Any = fx_node.map_arg
TAGS = ("recompute", "ac_graph_id", "stack_trace", "nn_module_stack", "original_aten", "source_fn_stack", "seq_nr")
"""Metadata that a node of ours takes from those that it replaces: without the first two, checkpointing would be lost."""


def splice(graph: Graph, region: Region, traced: GraphModule, sizes: Sequence[Node]) -> dict[Node, Node]:
    """Insert ``traced`` after the region and let it give the region's outputs (users may stand before it still); old -> new."""
    meta = {t: region.members[-1].meta[t] for t in TAGS if t in region.members[-1].meta}
    outside = iter((*sizes, *region.inputs))
    mapping: dict[Node, Any] = {}
    results: Any = ()
    with graph.inserting_before(region.nodes[-1].next):
        for node in traced.graph.nodes:
            if node.op == "placeholder":
                mapping[node] = _stored(graph, next(outside))
            elif node.op == "output":
                results = _map_arg(node.args[0], mapping.__getitem__)
            elif node.op == "get_attr":
                raise NotImplementedError("the host program has a constant tensor")
            else:
                copy = graph.node_copy(node, mapping.__getitem__)
                copy.meta = {**meta, **{k: v for k, v in node.meta.items() if k in ("val", "tensor_meta")}}
                mapping[node] = copy
    for old, new in zip(region.outputs, results, strict=True):
        old.replace_all_uses_with(new, delete_user_cb=lambda user: user not in region.nodes)
        new.meta["val"] = old.meta["val"]  # the layout that the graph promises
    return dict(zip(region.outputs, results, strict=True))


def _stored(graph: Graph, node: Node) -> Node:
    """A constant of the graph is copied once: Inductor hands an op of ours buffers only."""
    if node.op != "get_attr":
        return node
    copy = graph.call_function(torch.ops.aten.clone.default, (node,))
    copy.meta["val"] = node.meta["val"]
    return copy
