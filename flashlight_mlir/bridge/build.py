"""A region becomes a host program: kernels for the groups that pay, torch ops for the rest. ``fuse`` decides what is a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.backend.source import KernelSource
from flashlight_mlir.backend.triton import print_kernel
from flashlight_mlir.bridge.pays import by_hand, declines
from flashlight_mlir.bridge.regions import Region
from flashlight_mlir.bridge.savings import Savings, savings_of, sizes_of
from flashlight_mlir.compiler import dims_of_kernel, inline_group
from flashlight_mlir.diagnostics import Remark, collect, location_of
from flashlight_mlir.dialects.block import KernelOp as BlockKernel
from flashlight_mlir.dialects.loop import KernelOp
from flashlight_mlir.dialects.tensor_ext import ContractOp, GroupOp, ReduceOp
from flashlight_mlir.driver import context, run_passes
from flashlight_mlir.frontend.region import import_nodes
from flashlight_mlir.interpreters import entry
from flashlight_mlir.passes.pipelines import flatten

STORED = "what a kernel need not store is stored for something else"
FORM = flatten("fuse").index("form-kernels") + 1


@dataclass
class Built:
    """``ir``: the text of each stage; ``module``: the last one; ``kernels``: what is launched, in order."""

    module: ModuleOp
    symbols: dict[str, Any]
    ir: dict[str, str] = field(default_factory=dict[str, str])
    kernels: list[KernelSource] = field(default_factory=list[KernelSource])
    dims: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    remarks: list[Remark] = field(default_factory=list[Remark])
    bytes_saved: int = 0
    flops: int = 0
    declined: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    """Why groups were left to torch, and the line of each group's last contraction or reduction."""


def build(region: Region, target: str, slow: Mapping[str, str] = MappingProxyType({})) -> Built:
    """Compile a region for ``target``; groups that do not pay are no kernels, nor those known to be ``slow``, with the reason."""
    imported = import_nodes(region.nodes, region.inputs, region.constants, region.outputs)
    module = imported.module
    built = Built(module, imported.symbols)
    with collect() as remarks:
        built.ir["import"] = str(module)
        ctx = context()
        sizes = sizes_of(region, imported.symbols)
        apart = savings_of(entry(module).body.block, sizes).bytes
        run_passes(module, flatten("fuse")[:FORM], ctx, verify=False)
        groups = [op for op in module.walk() if isinstance(op, GroupOp)]
        saved: dict[str, Savings] = {}
        for group in groups:
            name = group.sym_name.data
            savings = saved[name] = savings_of(group.body.block, sizes)
            reason = slow.get(name) or declines(group, savings)
            if reason is not None:
                built.declined.append((reason, _place(group)))
                inline_group(group)
            else:
                built.bytes_saved += savings.bytes
                built.flops += savings.flops
        still = savings_of(entry(module).body.block, sizes).bytes
        if built.bytes_saved and 2 * (apart - still) < built.bytes_saved:
            return build(region, target, {**dict.fromkeys(saved, STORED), **slow})
        if len(built.declined) < len(groups):
            for stage, passes in (("fuse", flatten("fuse")[FORM:]), ("tile", ["tile"]), ("lower", ["lower"])):
                run_passes(module, passes, ctx, verify=False, machine=target)
                built.ir[stage] = str(module)
                if stage == "tile":
                    tiled = {k.sym_name.data: k for k in module.walk() if isinstance(k, KernelOp)}
                    found = {name: by_hand(k, saved[name]) for name, k in tiled.items() if name in saved}
                    if found := {name: reason for name, reason in found.items() if reason is not None}:
                        return build(region, target, {**slow, **found})
                    built.dims = {name: dims_of_kernel(k) for name, k in tiled.items()}
            module.verify()
            lowered = [op for op in module.walk() if isinstance(op, BlockKernel)]
            built.kernels = [print_kernel(op, k) for k, op in enumerate(lowered)]
    built.remarks = list(remarks)
    return built


def _place(group: GroupOp) -> str | None:
    ops = [op for op in group.body.block.ops if isinstance(op, ContractOp | ReduceOp)]
    return location_of(ops[-1]) if ops else None
