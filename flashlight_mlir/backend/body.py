"""The body of a printed kernel: a line an op."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseIntOrFPElementsAttr,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    i1,
    i64,
)
from xdsl.ir import Attribute, Block, SSAValue

from flashlight_mlir.backend.source import Tensor, prelude
from flashlight_mlir.backend.spelling import SHORT, SPELLING, dtype, literal
from flashlight_mlir.dialects import block as blk
from flashlight_mlir.dialects.pointwise import PointwiseOp
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.dialects.tensor_ext import TensorType
from flashlight_mlir.expr import Atom, Expr, Name


class Unprintable(Exception):
    """An op that has no spelling in Triton."""


def describe(type: TensorType, accesses: Sequence[blk.LoadOp | blk.StoreOp]) -> Tensor:
    """A tensor parameter, with how far lane offsets move along each axis."""
    spans: list[int | None] = []
    for axis in range(len(type.shape)):
        here: list[int | None] = [0]
        for op in accesses:
            if axis in op.lanes_of:
                here.append(_span(op.lanes_of[axis]))
        spans.append(None if None in here else max(h for h in here if h is not None))
    return Tensor(type.shape, dtype(type.element_type), tuple(spans))


def _span(lanes: SSAValue) -> int | None:
    """The largest offset of plain lanes (an iota, expanded); None for others. 64-bit lanes are safe at any stride."""
    owner = lanes.owner
    while isinstance(owner, blk.ExpandOp):
        owner = owner.source.owner
    if isinstance(owner, blk.IotaOp):
        return blk.shape_of(owner.result.type)[0] - 1
    return 0 if element_of(lanes.type) == i64 else None


class BodyPrinter:
    def __init__(self, kernel: blk.KernelOp, symbols: Sequence[str]):
        self.kernel = kernel
        self.sizes = {s: f"z{k}" for k, s in enumerate(symbols)}
        self.pointers: dict[SSAValue, int] = {arg: k for k, arg in enumerate(kernel.block.args)}
        self.names: dict[SSAValue, str] = {}
        self.constants: set[SSAValue] = set()
        self.used: set[str] = set()
        self.lines: list[str] = []
        self.depth = 0

    def body(self) -> list[str]:
        self.line("IDX: tl.constexpr = tl.int64 if WIDE else tl.int32")
        for name in self.computed():
            self.line(f"{name} = tl.cast({name}, IDX)")
        self.ops(self.kernel.block)
        return self.lines

    def computed(self) -> list[str]:
        """Sizes that the body computes with: Triton gives one below 2**31 only 32 bits, in which ``S + 63`` may not fit."""
        used = {n for op in self.kernel.body.walk() if isinstance(op, blk.IndexOp) for n in op.expr.data.names}
        return [name for symbol, name in self.sizes.items() if symbol in used]

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def define(self, value: SSAValue, text: str) -> None:
        name = f"v{len(self.names)}"
        self.names[value] = name
        self.line(f"{name} = {text}")

    def call(self, helper: str) -> str:
        assert helper in prelude()
        self.used.add(helper)
        return helper

    def ops(self, block: Block) -> None:
        for op in block.ops:
            match op:
                case ConstantOp():
                    self.names[op.result] = self.constant(op)
                    self.constants.add(op.result)
                case PointwiseOp():
                    self.define(op.result, self.pointwise(op))
                case blk.ProgramOp():
                    self.define(op.result, "tl.program_id(0).to(IDX)")
                case blk.IotaOp():
                    self.define(op.result, f"tl.arange(0, {blk.shape_of(op.result.type)[0]}).to(IDX)")
                case blk.IndexOp():
                    self.index(op)
                case blk.SplatOp():
                    shape = blk.shape_of(op.result.type)
                    self.define(op.result, f"tl.full({shape}, {self.names[op.source]}, tl.{dtype(element_of(op.result.type))})")
                case blk.ExpandOp():
                    self.define(op.result, f"{self.names[op.source]}{_subscript(op)}")
                case blk.TransOp():
                    self.define(op.result, f"tl.trans({self.names[op.source]})")
                case blk.DotOp():
                    self.define(op.result, self.dot(op))
                case blk.ReduceOp():
                    self.define(op.result, self.reduce(op))
                case blk.LoadOp():
                    mask = f", mask={self.names[op.mask]}, other=0" if op.mask else ""
                    self.define(op.result, f"tl.load({self.pointer(op, self.pointers[op.source])}{mask})")
                case blk.StoreOp():
                    number = len(self.pointers) + op.number.value.data
                    mask = f", mask={self.names[op.mask]}" if op.mask else ""
                    self.line(f"tl.store({self.pointer(op, number)}, {self.names[op.value]}{mask})")
                case blk.ForOp():
                    self.loop(op)
                case blk.YieldOp():
                    pass
                case _:
                    raise Unprintable(op.name)

    def constant(self, op: ConstantOp) -> str:
        value = op.value
        if op.result.type == i1 and isinstance(value, IntegerAttr):
            return "True" if value.value.data else "False"
        if isinstance(value, FloatAttr | IntegerAttr):
            return literal(value.value.data)
        assert isinstance(value, DenseIntOrFPElementsAttr)
        raise Unprintable("a dense constant")

    def loop(self, op: blk.ForOp) -> None:
        for value, init in zip(op.state, op.init, strict=True):
            self.define(value, self.names[init])
        counter = f"v{len(self.names)}"
        self.names[op.counter] = counter
        low, high, step = self.names[op.low], self.names[op.high], op.step.value.data
        span = f"{low}, {high}, {step}"
        steps = f"tl.range({span}, num_stages={op.stages.value.data})" if op.stages is not None else f"range({span})"
        self.line(f"for {counter} in {steps}:")
        self.depth += 1
        before = len(self.lines)
        self.ops(op.body.block)
        moved = [(self.names[s], self.names[n]) for s, n in zip(op.state, op.next_state, strict=True)]
        moved = [(s, n) for s, n in moved if s != n]
        if any(s in [n for _, n in moved] for s, _ in moved):
            self.line(f"{', '.join(s for s, _ in moved)} = {', '.join(n for _, n in moved)}")
        else:
            for state, new in moved:
                self.line(f"{state} = {new}")
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1
        for result, state in zip(op.outputs, op.state, strict=True):
            self.names[result] = self.names[state]

    def index(self, op: blk.IndexOp) -> None:
        env = {**self.sizes, **{n: self.names[v] for n, v in op.env.items()}}
        if element_of(op.result.type) == i64:
            env = {n: f"tl.cast({text}, tl.int64)" for n, text in env.items()}
        self.define(op.result, self.expr(op.expr.data, env))

    def expr(self, e: Expr, env: dict[str, str]) -> str:
        if not e.terms:
            return "0"
        out = ""
        for monomial, c in e.terms:
            factors = [self.atom(a, env) for a in monomial]
            if abs(c) != 1 or not factors:
                factors.append(literal(abs(c)))
            sign = " - " if c < 0 else " + "
            out += (sign if out else "-" if c < 0 else "") + " * ".join(factors)
        return out

    def atom(self, a: Atom, env: dict[str, str]) -> str:
        if isinstance(a, Name):
            return env[a.text]
        args = [self.expr(x, env) for x in a.args]
        if a.fn in ("min", "max"):
            text = args[0]
            for arg in args[1:]:
                text = f"tl.{a.fn}imum({text}, {arg})"
            return text
        if all(x.is_nonnegative({}) for x in a.args):  # truncation is floor
            return f"(({args[0]}) {'//' if a.fn == 'floordiv' else '%'} ({args[1]}))"
        return f"{self.call(a.fn)}({args[0]}, {args[1]})"

    def pointwise(self, op: PointwiseOp) -> str:
        row, args = op.ROW, [self.names[a] for a in op.args]
        operand = next((a for a in (op.args[1:] if row.rule == "select" else op.args) if a not in self.constants), op.args[-1])
        element, result = element_of(operand.type), element_of(op.result.type)
        spelling = SPELLING[row.name]
        text = spelling.of(element)
        if row.name == "cast":
            return self.cast(op.args[0], result)
        if text is None:
            raise Unprintable(f"{op.name} of {element}")
        if row.name == "select" and all(a in self.constants for a in op.args[1:]):
            text += ".to({t})"
        if row.name == "mul" and isinstance(element, IndexType):
            text = "tl.cast({0}, tl.int64) * {1}"
        if (helper := text.partition("(")[0]) in prelude():
            self.call(helper)
        if all(a in self.constants for a in op.args):
            args[0] = f"tl.full((), {args[0]}, tl.{dtype(element)})"
        if spelling.wide and isinstance(element, SHORT):
            args = [a if v in self.constants else f"{a}.to(tl.float32)" for a, v in zip(args, op.args, strict=True)]
            text = f"({text}).to(tl.{dtype(result)})" if row.rule == "same" else text
        return text.format(*args, t=f"tl.{dtype(result)}")

    def cast(self, value: SSAValue, to: Attribute) -> str:
        text, element = self.names[value], element_of(value.type)
        if value in self.constants:
            return f"tl.full((), {text}, tl.{dtype(to)})"
        if to == i1:
            return f"{text} != 0"
        if isinstance(to, IndexType):
            return text if isinstance(element, IndexType) else f"tl.cast({text}, tl.int64)"
        return f"tl.cast({text}, tl.{dtype(to)})"

    def dot(self, op: blk.DotOp) -> str:
        acc = f", {self.names[op.acc]}" if op.acc else ""
        precision = ""
        if isinstance(element_of(op.lhs.type), Float32Type):
            tf32 = op.precision is not None and op.precision.data == "tf32"
            if op.acc and not tf32:
                return f"{self.call('accumulated')}({self.names[op.lhs]}, {self.names[op.rhs]}{acc})"
            precision = f', input_precision="{"tf32" if tf32 else "ieee"}"'
        return f"tl.dot({self.names[op.lhs]}, {self.names[op.rhs]}{acc}{precision})"

    def reduce(self, op: blk.ReduceOp) -> str:
        value, element, axis = self.names[op.source], element_of(op.source.type), op.axis.value.data
        kind, boolean = op.kind.data, element == i1
        if boolean and kind in ("any", "all", "max", "min"):
            most = kind in ("any", "max")
            return f"tl.{'max' if most else 'min'}(tl.cast({value}, tl.int32), {axis}) != 0"
        if kind in ("any", "all"):
            return f"tl.{'max' if kind == 'any' else 'min'}(tl.cast({value} != 0, tl.int32), {axis}) != 0"
        if kind in ("max", "min"):
            fn = self.call(f"a{kind}") if isinstance(element, AnyFloat) else f"tl.{kind}"
        else:
            fn = "tl.sum" if kind == "sum" else self.call("prod")
        if isinstance(element, SHORT):  # Triton would combine in 16 bits
            return f"tl.cast({fn}(tl.cast({value}, tl.float32), {axis}), tl.{dtype(element)})"
        if kind in ("sum", "prod") and not isinstance(element, AnyFloat | IndexType):
            return f"tl.cast({fn}(tl.cast({value}, tl.int64), {axis}), tl.{dtype(element)})"
        return f"{fn}({value}, {axis})"

    def pointer(self, op: blk.LoadOp | blk.StoreOp, number: int) -> str:
        """Pointer plus a 64-bit scalar offset plus lane offsets (32 bits unless the launch is WIDE or the lanes are)."""
        text = f"p{number}"
        for axis, scalar in enumerate(op.scalars):
            if self.names[scalar] != "0":
                text += f" + tl.cast({self.names[scalar]}, tl.int64) * s{number}_{axis}"
        moving = [f"{self.names[lanes]} * s{number}_{axis}" for axis, lanes in op.lanes_of.items()]
        shape = blk.shape_of(op.result.type) if isinstance(op, blk.LoadOp) else op.shape()
        if not moving:  # a mask may have lanes where the address has none
            return f"tl.broadcast_to({text}, {shape})" if shape else text
        offset = " + ".join(moving)
        return f"{text} + ({offset})" if _covers(op, shape) else f"{text} + tl.broadcast_to({offset}, {shape})"


def _covers(op: blk.LoadOp | blk.StoreOp, shape: tuple[int, ...]) -> bool:
    lanes = [blk.shape_of(v.type) for v in op.lanes]
    return all(any(s and s[k] == n for s in lanes) for k, n in enumerate(shape))


def _subscript(op: blk.ExpandOp) -> str:
    rank = len(blk.shape_of(op.result.type))
    return "[" + ", ".join("None" if a in op.new_axes else ":" for a in range(rank)) + "]"
