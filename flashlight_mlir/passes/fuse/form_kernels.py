"""Group the tensor ops that become one kernel each.

Before:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B : f32> {
      %0 = pointwise.exp %x : !tensor_ext.tensor<B, S : f32>
      %1 = tensor_ext.reduce sum %0 over [1] : !tensor_ext.tensor<B : f32>
      func.return %1 : !tensor_ext.tensor<B : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B : f32> {
      %0 = tensor_ext.group @k0(%X = %x) {
        %1 = pointwise.exp %X : !tensor_ext.tensor<B, S : f32>
        %2 = tensor_ext.reduce sum %1 over [1] : !tensor_ext.tensor<B : f32>
        tensor_ext.yield %2
      } : !tensor_ext.tensor<B : f32>
      func.return %0 : !tensor_ext.tensor<B : f32>
    }

What the function returns, or hands to an op outside, is a root; a root's kernel computes all that it needs. A producer is cut
(stored instead) if computing it again for every tile that lacks its dims takes longer than writing and reading it, and
a plain contraction over a long dim is cut unless its result is streamed. Roots over the same parallel dims share a kernel.
Refuses when: a region has no reduction, or is a plain contraction: torch runs it.
Source: docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from flashlight_mlir.diagnostics import Remark, emit, location_of
from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.passes.fuse import regions
from flashlight_mlir.passes.fuse.plan import plan


def sort_block(block: Block) -> None:
    """Order the ops so that each stands after what it uses, keeping their order otherwise."""
    placed: set[Operation] = set()
    ops = list(block.ops)

    def place(op: Operation) -> None:
        stack = [op]
        while stack:
            top = stack[-1]
            before = [
                v.owner
                for v in top.operands
                if isinstance(v.owner, Operation) and v.owner.parent is block and v.owner not in placed
            ]
            if before:
                stack.extend(before)
                continue
            stack.pop()
            if top not in placed:
                placed.add(top)
                top.detach()
                block.add_op(top)

    for op in ops:
        place(op)


def hint(value: SSAValue) -> str | None:
    return value.name_hint.upper() if value.name_hint and len(value.name_hint) <= 2 else value.name_hint


def build_group(name: str, region: regions.Region) -> T.GroupOp:
    """A group that computes the region's roots; its inputs are what it loads."""
    roots, leaves = region.roots, region.leaves
    block = Block(arg_types=[v.type for v in leaves])
    mapping: dict[SSAValue, SSAValue] = dict(zip(leaves, block.args, strict=True))
    for leaf, arg in zip(leaves, block.args, strict=True):
        arg.name_hint = hint(leaf)
    for op in region.ops:
        copy = op.clone(mapping)
        copy.location = op.location
        block.add_op(copy)
    block.add_op(T.YieldOp([mapping[r] for r in roots]))
    group = T.GroupOp(name, leaves, Region(block), [r.type for r in roots])
    last = roots[0].owner
    assert isinstance(last, Operation)
    group.location = last.location
    return group


def form(function: FuncOp, number: int) -> int:
    """Form the kernels of a function, numbered from ``number``; the next number."""
    block = function.body.block
    made = plan(block)
    for choice in made.remarks:
        emit(choice)
    groups = [build_group(f"k{k}", region) for k, region in enumerate(made.kernels, number)]
    for group, region in zip(groups, made.kernels, strict=True):
        block.insert_op_before(group, block.last_op)  # pyright: ignore[reportArgumentType]
        for root, result in zip(region.roots, group.outputs, strict=True):
            result.name_hint = root.name_hint
            root.replace_all_uses_with(result)
    for op in reversed(list(block.ops)):
        if regions.fusible(op) and not any(r.uses for r in op.results):
            block.erase_op(op)
    sort_block(block)
    return number + len(groups)


@dataclass(frozen=True)
class FormKernelsPass(ModulePass):
    """Group the tensor ops that become one kernel each, by cost."""

    name = "form-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        number = 0
        for function in op.walk():
            if not isinstance(function, FuncOp) or function.is_declaration:
                continue
            if len(function.body.blocks) > 1:
                emit(Remark("form-kernels", "a function of several blocks", location_of(function), None, True))
                continue
            number = form(function, number)
