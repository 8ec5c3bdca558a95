"""What a fused group need not store, and how much it multiplies, for the example's sizes.

Counted is what Inductor would store at least: the result of each contraction, and what is computed to be an operand of one (a
contraction reads memory), unless the kernel stores it as well. Row statistics are not counted: Inductor may keep them in registers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from xdsl.dialects.builtin import FixedBitwidthType
from xdsl.ir import Block, SSAValue

from flashlight_mlir.analysis.sizes import NOMINAL
from flashlight_mlir.bridge.nodes import is_tensor
from flashlight_mlir.bridge.regions import Region
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.expr import Expr

VIEWS = (tx.BroadcastOp, tx.ReshapeOp, tx.SliceOp, tx.TransposeOp)


@dataclass
class Savings:
    """Of a block; ``sizes`` are the example's."""

    sizes: Mapping[str, int]
    bytes: int = 0
    flops: int = 0
    read: int = 0
    """Bytes of the block's arguments."""

    def add(self, block: Block) -> None:
        """What the ops of a block would store if each contraction were one of a library's."""
        stored = {_root(v) for v in block.last_op.operands} if block.last_op else set[SSAValue]()
        through_memory: dict[SSAValue, None] = {}
        for op in block.ops:
            if isinstance(op, tx.ContractOp):
                self.flops += 2 * prod(self.extents(op).values())
                through_memory |= dict.fromkeys(map(_root, (op.lhs, op.rhs, op.result)))
        inside = {v for op in block.ops if not isinstance(op, tx.GroupOp) for v in op.results}
        tensors = [v for v in through_memory if isinstance(v.type, tx.TensorType)]
        self.bytes += sum(self.bytes_of(v) for v in tensors if v in inside and v not in stored)
        self.read += sum(self.bytes_of(v) for v in block.args)

    def size(self, expr: Expr) -> int:
        return expr.evaluate(lambda name: self.sizes.get(str(name), NOMINAL))

    def extents(self, op: tx.ContractOp) -> dict[str, int]:
        """The extent of each label."""
        a, b, _ = op.maps
        sizes = (*tx.type_of(op.lhs).shape, *tx.type_of(op.rhs).shape)
        return {label: self.size(n) for label, n in zip((*a, *b), sizes, strict=True)}

    def bytes_of(self, value: SSAValue) -> int:
        type = tx.type_of(value)
        width = type.element_type.size if isinstance(type.element_type, FixedBitwidthType) else 8
        return prod(map(self.size, type.shape), start=width)


def savings_of(block: Block, sizes: Mapping[str, int]) -> Savings:
    savings = Savings(sizes)
    savings.add(block)
    return savings


def _root(value: SSAValue) -> SSAValue:
    """What a view is a view of."""
    while isinstance(op := value.owner, VIEWS):
        value = op.operands[0]
    return value


def sizes_of(region: Region, symbols: Mapping[str, Any]) -> dict[str, int]:
    """The example's value of each size symbol of a region; ``symbols``: torch's symbol of each."""
    shapes: list[Any] = [node.meta["val"].shape for node in (*region.inputs, *region.nodes) if is_tensor(node)]
    symbolic: Any = next((n for shape in shapes for n in shape if not isinstance(n, int)), None)
    known: Mapping[Any, Any] = symbolic.node.shape_env.backed_var_to_val if symbolic is not None else {}
    return {name: int(known[symbol]) for name, symbol in symbols.items() if symbol in known}
