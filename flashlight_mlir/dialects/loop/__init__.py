"""Kernels over named dims: what is computed, over which dims, in which chunks."""

from xdsl.ir import Dialect

from flashlight_mlir.dialects.loop.compute import ContractOp, IndexOp, ReduceOp
from flashlight_mlir.dialects.loop.fold import FoldOp, YieldOp, folds
from flashlight_mlir.dialects.loop.kernel import KernelOp, kernel_of
from flashlight_mlir.dialects.loop.memory import LoadOp, StoreOp
from flashlight_mlir.dialects.loop.schedule import Plan, Role, Schedule, ScheduleAttr
from flashlight_mlir.dialects.loop.types import TileType, dims_of, tile

Loop = Dialect(
    "loop",
    [ContractOp, FoldOp, IndexOp, KernelOp, LoadOp, ReduceOp, StoreOp, YieldOp],
    [ScheduleAttr, TileType],
)

__all__ = [
    "ContractOp", "FoldOp", "IndexOp", "KernelOp", "LoadOp", "Loop", "Plan", "ReduceOp", "Role", "Schedule",
    "ScheduleAttr", "StoreOp", "TileType", "YieldOp", "dims_of", "folds", "kernel_of", "tile",
]  # fmt: skip
