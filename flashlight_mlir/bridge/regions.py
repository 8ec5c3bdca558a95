"""Where in Inductor's graph something may be fused: contractions and reductions chained through cheap ops, and what surrounds them.

A region is closed (no path leaves it and comes back), holds at least one contraction, and is cut at products that a vendor's
library does better (``nodes.is_vendors``). It may be too large: what becomes a kernel is decided by ``fuse`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Graph, Node

from flashlight_mlir.bridge.nodes import constant, is_tensor, is_vendors, kind, supported
from flashlight_mlir.frontend.builder import Number
from flashlight_mlir.frontend.handlers import VIEWS as RESHAPES

VIEWS = (*RESHAPES, "aten.expand.default")


@dataclass(frozen=True)
class Region:
    """Nodes in order, the tensors that they read from outside, and what is read from outside of what they compute."""

    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    constants: dict[Node, Number]
    """Numbers that the graph holds."""
    outputs: tuple[Node, ...]
    chained: tuple[Node, ...]
    """Its contractions and reductions."""


@dataclass(frozen=True)
class Border:
    """A node with a contraction before it that is none of ours, and why."""

    node: Node
    reason: str


def find_regions(graph: Graph, device: torch.device) -> tuple[list[Region], list[Border]]:
    """The graph's regions, in the order of their last nodes, and the ops that ended one."""
    chains = _Chains(graph, device)
    order = {node: k for k, node in enumerate(graph.nodes)}
    regions = [r for members in chains.groups() if (r := _close(members, chains, order)) is not None]
    return sorted(regions, key=lambda r: order[r.nodes[-1]]), chains.borders


def hoist_sizes(graph: Graph) -> None:
    """A size that is read off a computed tensor is read where it is known first: it keeps no tensor alive."""
    first: dict[Any, Node] = {}
    for node in list(graph.nodes):
        if not is_size(node):
            continue
        known: Any = first.setdefault(node.meta["val"].node.expr, node)
        if known is node and node.target is torch.ops.aten.sym_size.int:
            view, axis = node.args
            if isinstance(view, Node) and str(view.target) in VIEWS:  # it was given to the view
                sizes: Any = view.args[1]
                known = sizes[axis] if sizes[axis] != -1 else node
        if known is not node and node.op == "call_function":
            node.replace_all_uses_with(known)
            graph.erase_node(node)


def is_size(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.SymInt)


class _Chains:
    """Contractions and reductions that follow each other, through cheap ops only."""

    def __init__(self, graph: Graph, device: torch.device):
        self.ours: dict[Node, str] = {}
        self.borders: list[Border] = []
        self._before: dict[Node, frozenset[Node]] = {}
        """The contractions and reductions that a node's value comes from, through cheap ops."""
        self._parent: dict[Node, Node] = {}
        computed: set[Node] = set()
        for node in graph.nodes:
            before = frozenset[Node]().union(*(self._before.get(a, frozenset()) for a in node.all_input_nodes))
            reason = supported(node, device)
            if reason is None and kind(node) == "contraction":
                reason = is_vendors(node, computed)
            if reason is not None:
                if before and node.op == "call_function" and is_tensor(node):
                    self.borders.append(Border(node, reason))
                continue
            self.ours[node] = kind(node)
            if self.ours[node] == "cheap":
                self._before[node] = before
            else:
                self._parent[node] = node
                for other in before:
                    self._parent[self._root(other)] = self._root(node)
                self._before[node] = frozenset({node})
            if self._before[node]:
                computed.add(node)

    def _root(self, node: Node) -> Node:
        while self._parent[node] is not node:
            self._parent[node] = node = self._parent[self._parent[node]]
        return node

    def groups(self) -> Iterable[list[Node]]:
        """Chains of at least two, one of them a contraction."""
        found: dict[Node, list[Node]] = {}
        for node in self._parent:
            found.setdefault(self._root(node), []).append(node)
        return (g for g in found.values() if len(g) > 1 and any(self.ours[n] == "contraction" for n in g))


def _close(members: Sequence[Node], chains: _Chains, order: dict[Node, int]) -> Region | None:
    """The chain with the ops between its members, those that make its masks and scales, and those right after it."""
    after = _computed(members, chains)
    beyond = _with_descendants({u for n in after for u in n.users if u not in after and not is_size(u)})
    inside = {n for n in after if n not in beyond}
    if not inside.issuperset(members):
        return None
    stack = [a for n in inside for a in n.all_input_nodes]
    while stack:
        node = stack.pop()
        if node not in inside and chains.ours.get(node) == "cheap":
            inside.add(node)
            stack.extend(node.all_input_nodes)
    nodes = tuple(sorted(inside, key=order.__getitem__))
    inputs = dict.fromkeys(a for n in nodes for a in n.all_input_nodes if a not in inside and is_tensor(a))
    constants = {n: value for n in inputs if (value := constant(n)) is not None}
    outputs = tuple(n for n in nodes if n in after and any(u not in inside and not is_size(u) for u in n.users))
    return Region(
        nodes, tuple(n for n in inputs if n not in constants), constants, outputs, tuple(sorted(members, key=order.__getitem__))
    )


def _computed(members: Iterable[Node], chains: _Chains) -> set[Node]:
    """The members and the cheap ops that depend on them through ours."""
    found, stack = set(members), list(members)
    while stack:
        for user in stack.pop().users:
            if user not in found and chains.ours.get(user) == "cheap":
                found.add(user)
                stack.append(user)
    return found


def _with_descendants(nodes: Iterable[Node]) -> set[Node]:
    found, stack = set(nodes), list(nodes)
    while stack:
        for user in stack.pop().users:
            if user not in found and not is_size(user):
                found.add(user)
                stack.append(user)
    return found
