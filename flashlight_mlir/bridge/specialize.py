"""Sizes that a tile has to cover whole become constants, guarded by torch: the length of a first product, the width of a last."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from flashlight_mlir.analysis.cost import WHOLE
from flashlight_mlir.bridge.nodes import factors, hint, is_convolution, kind
from flashlight_mlir.bridge.regions import Region


def specialize(region: Region) -> None:
    """Of a product of two inputs the summed dim; of a product of something computed with an input, the input's other dim."""
    members = set(region.members)
    computed: set[Node] = set()
    for node in region.nodes:
        if node in members and kind(node) == "contraction" and not is_convolution(node):  # a convolution's channels are fixed
            left, right = factors(node)
            a, b = left.meta["val"], right.meta["val"]
            match left in computed, right in computed:
                case False, False:
                    fix(a.shape[-1])
                case True, False:
                    fix(b.shape[-1])
                case False, True if a.dim() > 1:
                    fix(a.shape[-2])
                case _:
                    pass
        if node in members or any(a in computed for a in node.all_input_nodes):
            computed.add(node)


def fix(size: Any) -> None:
    """Guard that the size is what it is in the example, if one tile covers it."""
    if isinstance(size, torch.SymInt) and hint(size) <= WHOLE:
        int(size)
