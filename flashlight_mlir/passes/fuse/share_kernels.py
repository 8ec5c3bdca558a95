"""Compile equal kernels once: what is formed more than once becomes a function that the host calls.

Before:
    func.func @f(%x: !tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S, S : f32> {
      %0 = tensor_ext.group @k0(%X = %x) {
        %1 = tensor_ext.transpose %X [1, 0] : !tensor_ext.tensor<S, S : f32>
        tensor_ext.yield %1
      } : !tensor_ext.tensor<S, S : f32>
      %2 = tensor_ext.group @k1(%Y = %0) {
        %3 = tensor_ext.transpose %Y [1, 0] : !tensor_ext.tensor<S, S : f32>
        tensor_ext.yield %3
      } : !tensor_ext.tensor<S, S : f32>
      func.return %2 : !tensor_ext.tensor<S, S : f32>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S, S : f32> {
      %0 = func.call @k0(%x) : (!tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S, S : f32>
      %1 = func.call @k0(%0) : (!tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S, S : f32>
      func.return %1 : !tensor_ext.tensor<S, S : f32>
    }
    func.func private @k0(%X: !tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S, S : f32> {
      %0 = tensor_ext.group @k0(%X_1 = %X) {
        %1 = tensor_ext.transpose %X_1 [1, 0] : !tensor_ext.tensor<S, S : f32>
        tensor_ext.yield %1
      } : !tensor_ext.tensor<S, S : f32>
      func.return %0 : !tensor_ext.tensor<S, S : f32>
    }

The layers of a model are the same kernels at other places: equal up to the names of values and their locations, which are the
first one's. A kernel that stands once stays where it is.
Refuses when: nothing.
Source: outlining, as in LLVM's IROutliner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from flashlight_mlir.dialects.tensor_ext import GroupOp


def classes(groups: Sequence[GroupOp]) -> list[list[GroupOp]]:
    """The groups, equal ones together."""
    found: list[list[GroupOp]] = []
    for group in groups:
        equal = next((c for c in found if _equal(c[0], group)), None)
        if equal is None:
            found.append([group])
        else:
            equal.append(group)
    return found


def _equal(a: GroupOp, b: GroupOp) -> bool:
    return a.inputs.types == b.inputs.types and a.outputs.types == b.outputs.types and a.body.is_structurally_equivalent(b.body)


def outline(groups: Sequence[GroupOp], name: str) -> FuncOp:
    """A function of equal groups, called instead of each."""
    first = groups[0]
    block = Block(arg_types=first.inputs.types)
    for arg, inner in zip(block.args, first.body.block.args, strict=True):
        arg.name_hint = inner.name_hint
    for group in groups[1:]:
        _call(group, name)
    last = first.clone()
    last.location = first.location
    for copy, op in zip(last.walk(), first.walk(), strict=True):
        copy.location = op.location
    _call(first, name)
    last.operands = block.args
    block.add_ops([last, ReturnOp(*last.outputs)])
    types = list(last.inputs.types), list(last.outputs.types)
    return FuncOp(name, types, Region(block), visibility="private")


def _call(group: GroupOp, name: str) -> None:
    call = CallOp(name, group.inputs, group.outputs.types)
    call.location = group.location
    for new, old in zip(call.res, group.outputs, strict=True):
        new.name_hint = old.name_hint
    Rewriter.replace_op(group, call)


@dataclass(frozen=True)
class ShareKernelsPass(ModulePass):
    """Compile equal kernels once: what is formed more than once becomes a function."""

    name = "share-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = [f for f in op.walk() if isinstance(f, FuncOp)]
        taken = {f.sym_name.data for f in functions}
        for function in functions:  # the sizes of one are not those of another
            for groups in classes([g for g in function.walk() if isinstance(g, GroupOp)]):
                if len(groups) > 1:
                    name = groups[0].sym_name.data
                    while name in taken:
                        name += "_"
                    taken.add(name)
                    op.body.block.add_op(outline(groups, name))
