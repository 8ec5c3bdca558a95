"""What a node of Inductor's graph is to us: a contraction, a reduction, something cheap, or nothing that we know.

The importer's table of handlers is the only list of ops; a node that it lacks, or of a dtype that it has not, is a border.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch.fx import Node
from torch.utils._python_dispatch import _disable_current_modes  # pyright: ignore[reportPrivateUsage]  (torch has no other)

from flashlight_mlir.analysis.cost import WHOLE
from flashlight_mlir.frontend import aten_linear, aten_reductions, importer
from flashlight_mlir.frontend.builder import Number
from flashlight_mlir.frontend.dtypes import ELEMENTS
from flashlight_mlir.frontend.handlers import HANDLERS, VIEWS
from flashlight_mlir.runtime.launch import DTYPES

Kind = Literal["contraction", "reduction", "cheap"]
_ = importer  # loads every handler
KEPT = ELEMENTS.keys() & set(DTYPES.values())
"""What a kernel can load and store: the importer knows more dtypes than that."""

HEADS = 32
"""A product or a convolution that mixes so few channels waits for memory: with what precedes it, it need not."""
_POSITIONS = ("aten.max.dim", "aten.min.dim")


def tensors(node: Node) -> Iterator[torch.Tensor]:
    """The tensors that a node gives."""
    value = node.meta.get("val")
    for x in value if isinstance(value, list | tuple) else (value,):  # pyright: ignore[reportUnknownVariableType]
        if isinstance(x, torch.Tensor):
            yield x


def is_tensor(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)


def constant(node: Node) -> Number | None:
    """The number that a node is, if it is a constant of the graph without axes."""
    if node.op != "get_attr":
        return None
    tensor: Any = node.graph.owning_module
    for name in str(node.target).split("."):
        tensor = getattr(tensor, name)
    if not isinstance(tensor, torch.Tensor) or tensor.dim() or tensor.is_complex():
        return None
    with _disable_current_modes():
        return Number(tensor.item(), tensor.dtype)


def hint(size: Any) -> int:
    """A size's value in the example."""
    if isinstance(size, int):
        return size
    return int(size.node.hint) if size.node.has_hint() else 2**20


def supported(node: Node, device: torch.device) -> str | None:
    """None, or why the node is none of ours."""
    if node.op != "call_function":
        return "it is no call"
    for x in (x for n in (node, *node.all_input_nodes) for x in tensors(n)):
        if x.device != device:
            return f"it mixes {x.device} with {device}"
        if x.layout != torch.strided:
            return f"it has a tensor of layout {x.layout}"
        if x.dtype not in KEPT:
            return f"values of {x.dtype} are not supported"
    if node.target is operator.getitem:
        source = node.args[0]
        return supported(source, device) if isinstance(source, Node) else "it is no call"
    name = str(node.target)
    if name in _POSITIONS:
        return None if all(u.args[1] == 0 for u in node.users) else "the positions of the maximum are used"
    return None if name in HANDLERS else f"no rule knows {name}"


def kind(node: Node) -> Kind:
    """Of a supported node."""
    handler = HANDLERS.get(str(node.target))
    module = getattr(handler, "__module__", "")
    if module == aten_linear.__name__:
        return "contraction"
    return "reduction" if module == aten_reductions.__name__ else "cheap"


def factors(node: Node) -> tuple[Node, Node]:
    """The two that a contraction multiplies."""
    first, second = node.args[:2] if is_convolution(node) else node.args[-2:]
    assert isinstance(first, Node)
    assert isinstance(second, Node)
    return first, second


def is_convolution(node: Node) -> bool:
    return str(node.target) == "aten.convolution.default"


def sides(node: Node) -> tuple[tuple[Node, int], tuple[Node, int], int]:
    """``((left, rows), (right, columns), length of the sum)`` of a contraction."""
    left, right = factors(node)
    a, b = left.meta["val"].shape, right.meta["val"].shape
    return (left, hint(a[-2]) if len(a) > 1 else 1), (right, hint(b[-1]) if len(b) > 1 else 1), hint(a[-1])


def is_vendors(node: Node, computed: set[Node], made: set[Node]) -> str | None:
    """Why a product is a vendor's library's: all batches share one factor, or its sum and its rows are long for a tile.

    ``computed``: nodes that depend on a reduction or contraction of the region at hand; ``made``: on any contraction.
    """
    if is_convolution(node):
        x, weights = factors(node)
        channels, *window = weights.meta["val"].shape[1:]
        small = channels <= HEADS and all(n == 1 for n in window)
        return None if x in computed and small else "a convolution: a vendor's library has it"
    (left, rows), (right, columns), length = sides(node)
    for side, other, width in ((left, right, columns), (right, left, rows)):
        merged = _merged(side)
        mixes = side in computed and max(length, width) <= HEADS and merged > 3  # the heads of pairs, not the features of rows
        if merged and other not in made and not mixes:
            return "a product of all batches with one matrix: a vendor's library has it"
    if length <= WHOLE:
        return None
    free = [n for side, n in ((left, columns), (right, rows)) if side in computed]
    if free and min(free) <= WHOLE:
        return None
    return f"a sum of {length} products whose rows fit no accumulator: a vendor's library has it"


def _merged(side: Node) -> int:
    """The axes that a factor had, if its rows are those of all batches; else 0."""
    if str(side.target) not in VIEWS or not isinstance(source := side.args[0], Node):
        return 0
    own, inner = side.meta["val"], source.meta["val"]
    merges = inner.dim() > 2 and (own.dim() == 2 or hint(own.shape[0]) == 1 != hint(inner.shape[0]))
    return inner.dim() if merges else 0
