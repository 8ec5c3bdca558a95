"""Contractions and reductions that follow each other through cheap ops only: the chains that a region is made of.

A chain is convex: none of its members depends on another through an op that is none of ours. What two chains read (the angles
of a rotary embedding, say) belongs to neither: it is computed once, outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch.fx import Graph, Node

from flashlight_mlir.bridge.nodes import Kind, is_tensor, is_vendors, kind, supported

Nodes = frozenset[Node]
NONE: Nodes = frozenset()


@dataclass(frozen=True)
class Border:
    """A node with a contraction or reduction before it that is none of ours, and why."""

    node: Node
    reason: str


@dataclass
class Chain:
    members: set[Node]
    beyond: set[Node]
    """Contractions and reductions that a member depends on through a border."""

    def joins(self, other: Chain) -> bool:
        """Together they are convex still."""
        return not (self.members & other.beyond or other.members & self.beyond)


@dataclass
class Chains:
    """``ours``: what each supported node is; ``borders``: where a chain ended."""

    ours: dict[Node, Kind] = field(default_factory=dict[Node, Kind])
    borders: list[Border] = field(default_factory=list[Border])
    _of: dict[Node, Chain] = field(default_factory=dict[Node, Chain])
    _rank: dict[Node, int] = field(default_factory=dict[Node, int])
    _shared: set[Node] = field(default_factory=set[Node])
    _sources: dict[Node, Nodes] = field(default_factory=dict[Node, Nodes])

    def __iter__(self) -> Iterator[set[Node]]:
        """The members of each chain of at least two, in the graph's order."""
        for chain in {id(c): c for c in self._of.values()}.values():
            while drop := {n for n in chain.members & self._shared if not self._sources[n] & chain.members}:
                chain.members -= drop
            if len(chain.members) > 1:
                yield chain.members

    def join(self, node: Node, before: Nodes, beyond: Nodes) -> None:
        """A contraction or reduction joins the chains before it, the nearest first."""
        mine = self._of[node] = Chain({node}, set(beyond))
        self._sources[node] = before
        self._rank[node] = len(self._rank)
        for other in sorted(before, key=self._rank.__getitem__, reverse=True):
            theirs = self._of[other]
            if theirs is mine:
                continue
            if not mine.joins(theirs):
                self._shared.add(other)
                continue
            mine.members |= theirs.members
            mine.beyond |= theirs.beyond
            for member in theirs.members:
                self._of[member] = mine


def find_chains(graph: Graph, device: torch.device) -> Chains:
    """One walk over the graph."""
    chains = Chains()
    made: set[Node] = set()  # depends on a contraction, ours or not: no weight of a layer
    before: dict[Node, Nodes] = {}
    beyond: dict[Node, Nodes] = {}
    for node in graph.nodes:
        near = NONE.union(*(before.get(a, NONE) for a in node.all_input_nodes))
        far = NONE.union(*(beyond.get(a, NONE) for a in node.all_input_nodes))
        reason = supported(node, device)
        if reason is None and kind(node) == "contraction":
            reason = is_vendors(node, {a for a in node.all_input_nodes if before.get(a)}, made)
        if kind(node) == "contraction" or not made.isdisjoint(node.all_input_nodes):
            made.add(node)
        if reason is not None:
            beyond[node] = near | far
            if near and node.op == "call_function" and is_tensor(node):
                chains.borders.append(Border(node, reason))
            continue
        beyond[node] = far
        chains.ours[node] = kind(node)
        before[node] = near
        if chains.ours[node] != "cheap":
            chains.join(node, near, far)
            before[node] = frozenset({node})
    return chains
