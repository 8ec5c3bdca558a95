"""Compute in f32 inside a kernel: float narrowing goes, except right before a contraction.

Before:
    func.func @f(%x: !tensor_ext.tensor<S, 64 : f16>) -> !tensor_ext.tensor<S : f16> {
      %r = loop.kernel @k0(%X = %x) dims [i = S, d = 64] {
        %0 = loop.load %X[i, d] : !loop.tile<i, d : f16>
        %1 = pointwise.exp %0 : !loop.tile<i, d : f16>
        %2 = loop.reduce sum %1 over [d] : !loop.tile<i : f16>
        loop.store %2, 0[i]
      } : !tensor_ext.tensor<S : f16>
      func.return %r : !tensor_ext.tensor<S : f16>
    }

After:
    func.func @f(%x: !tensor_ext.tensor<S, 64 : f16>) -> !tensor_ext.tensor<S : f16> {
      %r = loop.kernel @k0(%X = %x) dims [i = S, d = 64] {
        %0 = loop.load %X[i, d] : !loop.tile<i, d : f16>
        %1 = pointwise.cast %0 : !loop.tile<i, d : f32>
        %2 = pointwise.exp %1 : !loop.tile<i, d : f32>
        %3 = loop.reduce sum %2 over [d] : !loop.tile<i : f32>
        loop.store %3, 0[i]
      } : !tensor_ext.tensor<S : f16>
      func.return %r : !tensor_ext.tensor<S : f16>
    }

Loads keep the dtype of memory, a contraction's operands the dtype that the program gave them, and stores round.
Refuses when: a cast goes to an integer or to a float of 8 bits: that is intent.
Source: docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import BFloat16Type, Float16Type, FloatAttr, ModuleOp, f32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from flashlight_mlir.dialects.loop import ContractOp, FoldOp, KernelOp, LoadOp, ReduceOp, StoreOp
from flashlight_mlir.dialects.pointwise import PointwiseOp, build, kind
from flashlight_mlir.dialects.syntax import element_of, with_element


def is_narrow(type: Attribute) -> bool:
    return isinstance(element_of(type), Float16Type | BFloat16Type)


@dataclass
class Widening:
    """A flat kernel's body, op by op, with ``wide`` holding each narrow value in f32."""

    kernel: KernelOp
    same: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    wide: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])

    def add(self, op: Operation, like: Operation) -> SSAValue:
        op.location = like.location
        self.kernel.block.insert_op_before(op, like)
        if op.results:
            if like.results:
                op.results[0].name_hint = like.results[0].name_hint
            return op.results[0]
        return op.operands[0]

    def value(self, old: SSAValue, user: Operation) -> SSAValue:
        """``old`` for arithmetic: in f32 if it was narrow."""
        if old in self.wide:
            return self.wide[old]
        new = self.same.get(old, old)
        if is_narrow(new.type):
            new = self.add(build("cast", new, to=f32, order=list(self.kernel.dims)), user)
            new.name_hint = None
            self.wide[old] = new
        return new

    def narrow(self, old: SSAValue, user: Operation) -> SSAValue:
        """``old`` for a contraction: in the dtype that the program gave it."""
        if old in self.same:
            return self.same[old]
        if old not in self.wide:
            return old
        new = self.add(build("cast", self.wide[old], to=element_of(old.type), order=list(self.kernel.dims)), user)
        new.name_hint = None
        self.same[old] = new
        return new

    def visit(self, op: Operation) -> None:
        match op:
            case LoadOp() | ContractOp():
                operands = [self.narrow(v, op) for v in op.operands]
                self._rebuild(op, operands, op.results[0].type)
            case ConstantOp() if is_narrow(op.result.type) and isinstance(op.value, FloatAttr):
                self.wide[op.result] = self.add(ConstantOp(FloatAttr(op.value.value.data, f32)), op)
            case PointwiseOp() if kind(op) == "cast" and (is_narrow(op.result.type) or element_of(op.result.type) == f32):
                source = self.value(op.args[0], op)
                if element_of(source.type) != f32:
                    source = self.add(build("cast", source, to=f32, order=list(self.kernel.dims)), op)
                (self.wide if is_narrow(op.result.type) else self.same)[op.result] = source
            case PointwiseOp() | ReduceOp():
                operands = [self.value(v, op) for v in op.operands]
                type = op.results[0].type
                self._rebuild(op, operands, with_element(type, f32) if is_narrow(type) else type)
            case StoreOp():
                self._rebuild(op, [self.value(op.value, op)], None)
            case _:
                return

    def _rebuild(self, op: Operation, operands: list[SSAValue], result: Attribute | None) -> None:
        types = [] if result is None else [result]
        new = type(op).create(operands=operands, result_types=types, properties=op.properties, attributes=op.attributes)
        value = self.add(new, op)
        if result is not None:
            old = op.results[0]
            (self.same if old.type == result else self.wide)[old] = value


def widen(kernel: KernelOp) -> None:
    if any(isinstance(op, FoldOp) for op in kernel.block.ops):
        return
    run, old = Widening(kernel), list(kernel.block.ops)
    for op in old:
        run.visit(op)
    for op in reversed(old):
        if isinstance(op, StoreOp) or (op.results and not op.results[0].uses):
            kernel.block.erase_op(op)


@dataclass(frozen=True)
class WidenPass(ModulePass):
    """Compute in f32 inside kernels: float narrowing goes, except right before a contraction."""

    name = "widen"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for kernel in [k for k in op.walk() if isinstance(k, KernelOp)]:
            widen(kernel)
