"""A chain of contractions and reductions with what surrounds it: what may become kernels, cut out of Inductor's graph.

A region is closed: no path leaves it and comes back. It may be too large: what becomes a kernel is decided by ``fuse`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.fx import Graph, Node

from flashlight_mlir.bridge.chains import Chains, find_chains
from flashlight_mlir.bridge.nodes import constant, is_tensor
from flashlight_mlir.bridge.prologue import prologues
from flashlight_mlir.frontend.builder import Number
from flashlight_mlir.frontend.handlers import VIEWS as RESHAPES
from flashlight_mlir.frontend.locations import user_frame

VIEWS = (*RESHAPES, "aten.expand.default")
PLACES = ("aten.cat.default", "aten.slice_scatter.default", "aten.select_scatter.default")
"""What puts several results into one: each of them would be computed for all its places."""


@dataclass(frozen=True)
class Region:
    """Nodes in order, the tensors that they read from outside, and what is read from outside of what they compute."""

    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    constants: dict[Node, Number]
    """Numbers that the graph holds."""
    outputs: tuple[Node, ...]
    members: tuple[Node, ...]
    """Its contractions and reductions."""

    def after(self, replaced: Mapping[Node, Node], gone: Set[Node]) -> Region:
        """What is left of it after the regions done before: their results are read, ``gone`` is what they made needless."""
        if not any(n in replaced or n in gone for n in (*self.inputs, *self.nodes)):
            return self
        nodes = tuple(n for n in self.nodes if n not in replaced and n not in gone)
        members = tuple(n for n in self.members if n not in replaced and n not in gone)
        computed = set(members)
        for node in nodes:
            if not computed.isdisjoint(node.all_input_nodes):
                computed.add(node)
        outputs = _given(nodes, computed, {*nodes, *gone})
        return replace(self, nodes=nodes, inputs=_read(nodes, self.constants), outputs=outputs, members=members)


def find_regions(graph: Graph, device: torch.device) -> tuple[list[Region], Chains]:
    """The graph's regions, in the order of their last nodes, and the chains that they were made of."""
    chains = find_chains(graph, device)
    order = {node: k for k, node in enumerate(graph.nodes)}
    groups = list(chains)
    insides = [_inside(members, chains) for members in groups]
    before = prologues(insides, chains)
    regions = [_region(g, i, i | b, order) for g, i, b in zip(groups, insides, before, strict=True)]
    return sorted(regions, key=lambda r: order[r.nodes[-1]]), chains


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


def location(node: Node) -> str | None:
    """The user's line that a node stands for."""
    frame = user_frame(node.meta.get("stack_trace") or "")
    return str(frame) if frame else None


def is_view(node: Node) -> bool:
    return getattr(node.target, "is_view", False)


def is_size(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.SymInt)


def _inside(members: set[Node], chains: Chains) -> set[Node]:
    """The chain with the ops between its members and those right after it."""
    after = _computed(members, chains)
    after -= _with_descendants({n for n in after if str(n.target) in PLACES}) - _with_ancestors(members, after)
    beyond = _with_descendants({u for n in after for u in n.users if u not in after and not is_size(u)})
    inside = {n for n in after if n not in beyond}
    while views := {n for n in inside if is_view(n) and not any(u in inside for u in n.users)}:
        inside -= views  # Inductor keeps them views, so that results share memory as they do in eager
    return inside


def _region(members: set[Node], computed: set[Node], inside: set[Node], order: dict[Node, int]) -> Region:
    nodes = tuple(sorted(inside, key=order.__getitem__))
    constants = {n: value for n in _read(nodes, {}) if (value := constant(n)) is not None}
    outputs = _given(nodes, computed, inside)
    return Region(nodes, _read(nodes, constants), constants, outputs, tuple(sorted(members, key=order.__getitem__)))


def _given(nodes: Sequence[Node], computed: Set[Node], inside: Set[Node]) -> tuple[Node, ...]:
    """What is computed and read from outside."""
    return tuple(n for n in nodes if n in computed and any(u not in inside and not is_size(u) for u in n.users))


def _read(nodes: Sequence[Node], constants: Iterable[Node]) -> tuple[Node, ...]:
    """The tensors from outside, in the order in which they are read."""
    inside = {*nodes, *constants}
    return tuple(dict.fromkeys(a for n in nodes for a in n.all_input_nodes if a not in inside and is_tensor(a)))


def _computed(members: Iterable[Node], chains: Chains) -> set[Node]:
    """The members and the cheap ops that depend on them through ours."""
    found, stack = set(members), list(members)
    while stack:
        for user in stack.pop().users:
            if user not in found and chains.ours.get(user) == "cheap":
                found.add(user)
                stack.append(user)
    return found


def _with_ancestors(nodes: Iterable[Node], among: set[Node]) -> set[Node]:
    found, stack = set(nodes), list(nodes)
    while stack:
        for node in stack.pop().all_input_nodes:
            if node in among and node not in found:
                found.add(node)
                stack.append(node)
    return found


def _with_descendants(nodes: Iterable[Node]) -> set[Node]:
    found, stack = set(nodes), list(nodes)
    while stack:
        for user in stack.pop().users:
            if user not in found and not is_size(user):
                found.add(user)
                stack.append(user)
    return found
