"""Put a region's host program into the graph in the place of the region's nodes."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node
from torch.fx import node as fx_node

from flashlight_mlir.bridge.regions import Region

_map_arg: Any = fx_node.map_arg
TAGS = ("recompute", "ac_graph_id", "stack_trace", "nn_module_stack", "original_aten", "source_fn_stack", "seq_nr")
"""Metadata that a node of ours takes from those that it replaces: without the first two, checkpointing would be lost."""


def splice(graph: Graph, region: Region, traced: GraphModule, sizes: Sequence[Node]) -> dict[Node, Node]:
    """Insert ``traced`` after the region and let it give the region's outputs (users may stand before it still); old -> new.

    All or nothing.
    """
    new = list[Node]()
    with graph.inserting_before(region.nodes[-1].next):
        try:
            results = _insert(graph, region, traced, sizes, new)
        except BaseException:
            for node in reversed(new):
                graph.erase_node(node)
            raise
    for old, result in zip(region.outputs, results, strict=True):
        old.replace_all_uses_with(result, delete_user_cb=lambda user: user not in region.nodes)
        result.meta["val"] = old.meta["val"]  # the layout that the graph promises
    return dict(zip(region.outputs, results, strict=True))


def _insert(graph: Graph, region: Region, traced: GraphModule, sizes: Sequence[Node], new: list[Node]) -> Sequence[Node]:
    """Copy the nodes of ``traced`` to the insertion point; the nodes of its results. ``new`` gets each node when it is made."""
    meta = {t: region.members[-1].meta[t] for t in TAGS if t in region.members[-1].meta}
    outside = iter((*sizes, *region.inputs))
    mapping: dict[Node, Any] = {}
    results: Any = ()
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            mapping[node] = _stored(graph, next(outside), new)
        elif node.op == "output":
            results = _map_arg(node.args[0], mapping.__getitem__)
        elif node.op == "get_attr":
            raise NotImplementedError("the host program has a constant tensor")
        else:
            copy = mapping[node] = graph.node_copy(node, mapping.__getitem__)
            new.append(copy)
            copy.meta = {**meta, **{k: v for k, v in node.meta.items() if k in ("val", "tensor_meta")}}
    assert len(results) == len(region.outputs)
    return results


def depends_on_itself(region: Region, sizes: Sequence[Node], settled: set[Node]) -> bool:
    """An input depends on a result of the region, by way of regions done before: as one node it would be on a cycle.

    A mask of the region may be what an input is made of: it stays where it is, too. ``settled`` is what the regions done so far depend on; it grows by what this one does.
    """
    members = set(region.outputs)
    known: Set[Node] = settled if members.isdisjoint(settled) else frozenset[Node]()
    stack, seen = [*sizes, *region.inputs], set[Node]()
    while stack:
        if (node := stack.pop()) not in seen and node not in known:
            seen.add(node)
            stack.extend(node.all_input_nodes)
    settled |= seen
    return not members.isdisjoint(seen)


def _stored(graph: Graph, node: Node, new: list[Node]) -> Node:
    """A constant of the graph is copied once: Inductor hands an op of ours buffers only."""
    if node.op != "get_attr":
        return node
    copy = graph.call_function(torch.ops.aten.clone.default, (node,))
    copy.meta["val"] = node.meta["val"]
    new.append(copy)
    return copy
