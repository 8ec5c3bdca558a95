"""A piece of an FX graph as a function: its nodes are imported one by one, what it reads from outside becomes arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch.fx import Node
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Region

from flashlight_mlir.frontend.builder import Number
from flashlight_mlir.frontend.fx import drop_unused
from flashlight_mlir.frontend.importer import NodeImporter
from flashlight_mlir.frontend.sizes import Sizes


@dataclass(frozen=True)
class ImportedNodes:
    """``symbols``: torch's symbol (sympy) of each size symbol."""

    module: ModuleOp
    symbols: dict[str, Any]


def import_nodes(
    nodes: Sequence[Node], inputs: Sequence[Node], constants: Mapping[Node, Number], outputs: Sequence[Node], name: str = "region"
) -> ImportedNodes:
    """A module whose function computes ``outputs`` from ``inputs``; CompileError at the user's line. ``constants`` are numbers."""
    importer = NodeImporter(Sizes())
    importer.env.update(constants)
    for node in inputs:
        importer.argument(node, node.name)
    for node in nodes:
        importer.visit(node)
    values = [importer.b.tensor(importer.value(node)) for node in outputs]
    importer.b.emit_last(ReturnOp(*values))
    block = importer.block
    func = FuncOp(name, FunctionType.from_lists(block.arg_types, [v.type for v in values]), Region(block))
    drop_unused(block)
    module = ModuleOp([func])
    return ImportedNodes(module, {text: symbol for symbol, text in importer.sizes.names.items()})
