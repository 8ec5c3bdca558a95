"""Choose tile sizes, warps and pipeline stages for a machine, or as told: ``choose-sizes{machine=sm_80 i=128 j=64}``.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] schedule [b grid, i grid, d whole] warps 4 stages 2 {
        %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
        %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
        loop.store %1, 0[b, i]
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
      %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] schedule [b grid 1, i grid 64, d whole] warps 4 stages 2 {
        %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
        %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
        loop.store %1, 0[b, i]
      } : !tensor_ext.tensor<B, S : f32>
      func.return %r : !tensor_ext.tensor<B, S : f32>
    }

Deterministic: the same kernel gets the same sizes on every boot and rank. A grid dim that only one factor of some contraction has
is tiled (the longest of several alike); without contractions the innermost one is. Tiles halve until accumulators and the largest
value fit the registers of the machine's threads; chunks and stages are as many as its shared memory holds.

Refuses when: the kernel names the edges of its tiles, or states that they are full: it then means something for its own sizes only.
Sizes that the options name are taken as they are; a dim that no kernel has is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self

from xdsl.context import Context
from xdsl.dialects.builtin import Float32Type, ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec

from flashlight_mlir.analysis.pressure import footprint, registers, shared_bytes
from flashlight_mlir.analysis.products import widened
from flashlight_mlir.analysis.sizes import next_power_of_two, nominal
from flashlight_mlir.diagnostics import CompileError, Remark, emit, location_of
from flashlight_mlir.dialects.loop import (
    ContractOp,
    FoldOp,
    IndexOp,
    KernelOp,
    LoadOp,
    Plan,
    Schedule,
    ScheduleAttr,
    StoreOp,
    dims_of,
)
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.expr import Expr
from flashlight_mlir.machine import DEFAULT, Machine, machine

RESERVED, FRAGMENTS = 64, 16
"""Registers of a thread for all but tiles: addresses and masks; and operands on their way from shared memory to the matrix units."""
STAGES = 3
"""Chunks in flight in a pipelined loop."""
VECTOR_ELEMENTS = 4096
"""Elements of the state and the largest value in a kernel without contractions."""
WARPS = 8
"""Of a program with large tiles, or whose threads multiply themselves (each holds whole rows of both factors); else 4 where they suffice."""


def tiled_dims(kernel: KernelOp, schedule: Schedule) -> list[str]:
    """Grid dims whose tiles have more than one element: those of one factor only; of several in the same factors, the longest."""
    grid = [p.dim for p in schedule.grid]
    contracts = [op for op in kernel.body.walk() if isinstance(op, ContractOp)]
    sides: dict[tuple[tuple[bool, bool], ...], list[str]] = {}
    for d in grid:
        side = tuple((d in dims_of(c.lhs.type), d in dims_of(c.rhs.type)) for c in contracts)
        if any(a != b for a, b in side) and (True, True) not in side:
            sides.setdefault(side, []).append(d)
    return [max(alike, key=lambda d: nominal(kernel.dims[d])) for alike in sides.values()] or grid[-1:]


def widest(kernel: KernelOp, schedule: Schedule, sizes: dict[str, int]) -> int:
    """The longest row of an accumulator: chunks as long as that keep the two products of a step alike."""
    states = [dims_of(t) for op in kernel.body.walk() if isinstance(op, FoldOp) for t in op.outputs.types]
    return max((sizes[d] for dims in states for d in dims if schedule.role(d) == "whole"), default=1)


def is_tf32(op: ContractOp) -> bool:
    return op.precision is not None and op.precision.data == "tf32"


def choose(kernel: KernelOp, schedule: Schedule, told: dict[str, int], gpu: Machine = DEFAULT) -> Schedule:
    """Sizes for each dim: start large, halve what is too large."""

    def fits(sizes: dict[str, int], warps: int) -> bool:
        if not contracts:
            return footprint(kernel, sizes) <= VECTOR_ELEMENTS
        threads = 32 * warps
        each = min(gpu.most_registers, gpu.registers // threads) - RESERVED - (0 if gpu.reads_shared else FRAGMENTS)
        return registers(kernel, schedule, widened(kernel, sizes, whole), gpu) <= each * threads

    def share(sizes: dict[str, int], stages: int) -> bool:
        return shared_bytes(kernel, schedule, sizes, stages) <= gpu.shared

    tiled = tiled_dims(kernel, schedule)
    whole = [p.dim for p in schedule.plans if p.role == "whole"]
    contracts = [op for op in kernel.body.walk() if isinstance(op, ContractOp)]
    full_precision = any(isinstance(element_of(c.lhs.type), Float32Type) for c in contracts)
    sizes: dict[str, int] = {}
    for plan in schedule.plans:
        extent = next_power_of_two(nominal(kernel.dims[plan.dim]))
        if plan.role == "whole":
            sizes[plan.dim] = extent
        elif plan.role == "stream":
            sizes[plan.dim] = min(extent, (32 if full_precision else 64) if contracts else 1024)
        else:
            largest = 1 if plan.dim not in tiled else (64 if full_precision else 128) if contracts else VECTOR_ELEMENTS
            sizes[plan.dim] = max(16 if contracts and largest > 1 else 1, min(extent, largest))
    for dim in (p.dim for p in schedule.plans if p.role == "stream" and contracts and not full_precision):
        wider = sizes | {dim: min(2 * sizes[dim], widest(kernel, schedule, sizes))}
        if wider[dim] > sizes[dim] and share(wider, STAGES) and fits(wider, WARPS):
            sizes = wider
    sizes |= {d: s for d, s in told.items() if d in sizes}
    free = [d for d in tiled if d not in told]
    chunks = [p.dim for p in schedule.plans if p.role == "stream" and p.dim not in told]
    # Large tiles read less memory, and wgmma takes 64 rows: chunks give way before rows do.
    least = [(free, 64), (chunks, 32), (free, 16), (chunks, 16), (free, 1)] if contracts else [(free, 1), (chunks, 1)]
    while not fits(sizes, WARPS):
        larger = next((found for dims, n in least if (found := [d for d in dims if sizes[d] > n])), None)
        if larger is None:
            break
        sizes[max(larger, key=lambda d: sizes[d])] //= 2
    rows = max((sizes[d] for d in tiled), default=1)
    by_threads = any(isinstance(element_of(c.lhs.type), Float32Type) and not is_tf32(c) for c in contracts)
    warps = WARPS if contracts and (rows >= 128 or by_threads or not fits(sizes, 4)) else 4
    stages = STAGES
    while stages > 1 and not share(sizes, stages):
        stages -= 1
    stages = stages if any(p.role == "stream" for p in schedule.plans) and contracts else 2
    plans = tuple(Plan(p.dim, p.role, None if p.role == "whole" else sizes[p.dim]) for p in schedule.plans)
    return Schedule(plans, warps, stages)


def is_bound_to_sizes(kernel: KernelOp) -> bool:
    """What the kernel computes depends on the sizes of its tiles: on their edges, or on a promise that they are full."""
    for op in kernel.body.walk():
        exprs: list[Expr] = []
        if isinstance(op, FoldOp):
            if op.full:
                return True
            exprs = [e for span in op.ranges.values() for e in span]
        elif isinstance(op, LoadOp | StoreOp):
            exprs = [e for e in op.index if isinstance(e, Expr)]
        elif isinstance(op, IndexOp):
            exprs = [op.expr.data]
        if any("lo(" in str(e) or "hi(" in str(e) for e in exprs):
            return True
    return False


@dataclass(frozen=True)
class ChooseSizesPass(ModulePass):
    """Choose tile sizes, warps and pipeline stages for a machine, or as told: choose-sizes{machine=sm_80 i=128 j=64}."""

    name = "choose-sizes"
    machine: str = DEFAULT.target
    sizes: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def from_spec(cls, spec: ArgSpec) -> Self:
        """``machine`` is a target; every other option is a dim and its tile size."""
        sizes: dict[str, int] = {}
        target = DEFAULT.target
        for dim, values in spec.parameters.items():
            if dim == "machine":
                if len(values) != 1 or not isinstance(values[0], str) or not re.fullmatch(r"sm_\d+", values[0]):
                    raise ValueError("choose-sizes: machine wants one target: sm_80, sm_90, …")
                target = values[0]
                continue
            if len(values) != 1 or not isinstance(values[0], int) or not 1 <= values[0] <= 8192:
                raise ValueError(f"choose-sizes: {dim} wants one tile size from 1 to 8192")
            if values[0] & (values[0] - 1):
                raise ValueError(f"choose-sizes: {dim}={values[0]} is no power of two")
            sizes[dim] = values[0]
        return cls(target, sizes)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = [k for k in op.walk() if isinstance(k, KernelOp) and k.schedule]
        if unknown := sorted(set(self.sizes) - {d for k in kernels for d in k.dims}):
            raise CompileError(f"choose-sizes: no kernel has the dim {', '.join(unknown)}")
        for kernel in kernels:
            assert kernel.schedule
            if is_bound_to_sizes(kernel):
                text = f"@{kernel.sym_name.data} names the edges of its tiles: it holds for its own sizes only"
                emit(Remark(self.name, text, location_of(kernel), refused=True))
                continue
            kernel.schedule = ScheduleAttr(choose(kernel, kernel.schedule.data, self.sizes, machine(self.machine)))
