"""What a region computes before its first contraction: masks, biases, scales. What is dear and would be computed again is stored.

A mask of comparisons costs less than to load it, and lets the compiler skip tiles. A table of buckets or a logarithm for each
pair of positions, which every layer of a model or many batches read, is computed once for all of them, as the program says. So is
a small table that heads and batches share: the sines of a rotary embedding take a kernel longer to compute, and to compile, than to
load.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Sequence

from torch.fx import Node

from flashlight_mlir.analysis.cost import BANDWIDTH, FLAT, LAUNCH, POINTWISE_RATE
from flashlight_mlir.bridge.chains import Chains
from flashlight_mlir.bridge.nodes import hint, is_tensor, sides
from flashlight_mlir.frontend import aten_index
from flashlight_mlir.frontend.handlers import HANDLERS

WIDTH = 2
"""Bytes of an element that is stored, mostly."""
DEAR = ("exp", "log", "pow", "sqrt", "rsqrt", "tanh", "sin", "cos", "erf", "div", "reciprocal", "sigmoid", "atan2", "bucketize")

SMALL = 1024
"""Elements that are computed in the kernel rather than by a launch more."""


def prologues(regions: Sequence[set[Node]], chains: Chains) -> list[set[Node]]:
    """For each region, given by what depends on its chain, the ops before it that belong to it."""
    before = [_reached(inside, chains, frozenset()) for inside in regions]
    readers = Counter(node for nodes in before for node in nodes)
    return [
        _reached(inside, chains, _stored(nodes, inside, readers, chains)) for inside, nodes in zip(regions, before, strict=True)
    ]


def _stored(nodes: set[Node], inside: set[Node], readers: Counter[Node], chains: Chains) -> set[Node]:
    """A table of all pairs that several regions or many batches read, or a small one that is spread over heads or batches."""
    pairs, points = _extent(inside, chains)
    large = {n for n in _dear(nodes, pairs) if readers[n] > 1 or (is_tensor(n) and _is_repeated(_elements(n), points))}
    return large | {n for n in _dear(nodes, SMALL) if _is_spread(n, nodes | inside, chains, pairs)}


def _is_spread(node: Node, among: set[Node], chains: Chains, pairs: int) -> bool:
    """A small table, of whose elements a cheap op among these reads each several times."""
    if not is_tensor(node) or not SMALL <= (size := _elements(node)) < pairs:
        return False
    users = (u for u in node.users if u in among and is_tensor(u) and chains.ours.get(u) == "cheap")
    return any(_elements(u) >= 2 * size for u in users)


def _reached(inside: set[Node], chains: Chains, stored: Iterable[Node]) -> set[Node]:
    """Cheap ops that ``inside`` is computed from, those behind what is stored apart."""
    found, stopped = set[Node](), set(stored)
    stack = [a for n in inside for a in n.all_input_nodes]
    while stack:
        node = stack.pop()
        known = node in inside or node in found or node in stopped
        known = known or (node.target is operator.getitem and node.args[0] in stopped)  # a part of what is stored
        if not known and chains.ours.get(node) == "cheap" and not _is_part(node, chains):
            found.add(node)
            stack.extend(node.all_input_nodes)
    return found


def _is_part(node: Node, chains: Chains) -> bool:
    """One of several results of a reduction: it is read from outside if the reduction is."""
    return node.target is operator.getitem and chains.ours.get(node.all_input_nodes[0]) != "cheap"


def _extent(inside: set[Node], chains: Chains) -> tuple[int, int]:
    """Elements that the largest contraction has for one batch, and for all."""
    products = [n for n in inside if chains.ours.get(n) == "contraction"]
    pairs = [rows * columns for (_, rows), (_, columns), _ in map(sides, products)]
    return max(pairs, default=0), max(map(_elements, products), default=0)


def _is_repeated(elements: int, points: int) -> bool:
    """To compute so many elements again for each of more points takes longer than to store them first."""
    again = (points - elements) * FLAT / POINTWISE_RATE
    return again > LAUNCH + 2 * WIDTH * elements / BANDWIDTH


def _dear(among: set[Node], least: int) -> set[Node]:
    """What comes, among these ops, from a function that takes many instructions, or a gather, for at least so many elements."""
    stack = [n for n in among if is_tensor(n) and _takes_long(n) and _elements(n) >= least]
    found = set(stack)
    while stack:
        later = {u for u in stack.pop().users if u in among} - found
        found |= later
        stack += later
    return found


def _takes_long(node: Node) -> bool:
    name = str(node.target).split(".")
    handler = HANDLERS.get(str(node.target))
    return (len(name) > 1 and name[1] in DEAR) or getattr(handler, "__module__", "") == aten_index.__name__


def _elements(node: Node) -> int:
    total = 1
    for size in node.meta["val"].shape:
        total *= hint(size)
    return total
