"""What a GPU program does: positional blocks and scalars, loads and stores by index, no pointers.

    %q = block.load %Q[%b, %h, %i0 + %rows, %zero + %lanes] if %mask : !block.tile<128, 64 : bf16>
    %s = block.dot %q, %kt : !block.tile<128, 64 : f32>

Pointwise ops work on blocks: axes of size 1 repeat. A plain ``index`` is an integer as wide as the launch needs.
"""

from xdsl.ir import Dialect

from flashlight_mlir.dialects.block.compute import DotOp, ExpandOp, ReduceOp, SplatOp, TransOp
from flashlight_mlir.dialects.block.control import ForOp, KernelOp, ProgramOp, YieldOp
from flashlight_mlir.dialects.block.index import IndexOp, IotaOp
from flashlight_mlir.dialects.block.memory import LoadOp, StoreOp
from flashlight_mlir.dialects.block.types import BlockType, block, shape_of

Block = Dialect(
    "block",
    [DotOp, ExpandOp, ForOp, IndexOp, IotaOp, KernelOp, LoadOp, ProgramOp, ReduceOp, SplatOp, StoreOp, TransOp, YieldOp],
    [BlockType],
)

__all__ = [
    "Block", "BlockType", "DotOp", "ExpandOp", "ForOp", "IndexOp", "IotaOp", "KernelOp", "LoadOp", "ProgramOp",
    "ReduceOp", "SplatOp", "StoreOp", "TransOp", "YieldOp", "block", "shape_of",
]  # fmt: skip
