"""A region's structure as text, names and lines apart: regions of one text share their kernels."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch.fx import Node
from torch.fx import node as fx_node

from flashlight_mlir.bridge.nodes import tensors
from flashlight_mlir.bridge.regions import Region

_map_arg: Any = fx_node.map_arg


def key_of(region: Region) -> str:
    """Every op with its arguments, and dtype, shape and strides of all that is read and given."""
    number: dict[Node, str] = {}

    def spell(x: Node) -> Any:
        value = x.meta.get("val")
        if not isinstance(value, torch.Tensor | list | tuple) and value is not None:
            return _Text(str(value))
        return _Text(number[x])

    lines: list[str] = []
    for k, node in enumerate(region.inputs):
        number[node] = f"%in{k}"
        lines.append(f"%in{k}: {_meta(node)}")
    for node, value in region.constants.items():
        number[node] = f"{value.dtype} {value.value}"
    for k, node in enumerate(region.nodes):
        number[node] = f"%{k}"
        args = _map_arg((node.args, dict(node.kwargs)), spell)
        lines.append(f"%{k} = {node.target}{args}: {_meta(node)}")
    lines.append("return " + ", ".join(number[n] for n in region.outputs))
    return "\n".join(lines)


class _Text(str):
    """A text that prints without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _meta(node: Node) -> str:
    return "; ".join(re.sub(r"\s+", " ", f"{x.dtype} {tuple(x.shape)} {x.stride()}") for x in tensors(node))
