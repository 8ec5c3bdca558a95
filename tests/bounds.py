"""Proofs by z3 that a block kernel touches only elements of its tensors, for all sizes, and that its indices fit 32 bits.

A block value is a function of its lanes: ``Bounds.at(value, lanes)`` is that element as a z3 term. What is computed from
loaded numbers is any number (arithmetic on it may wrap), so only a comparison with the very value that addresses helps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import z3
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import IndexType, IntegerAttr, i1, i64
from xdsl.ir import Operation, SSAValue

from flashlight_mlir.backend.triton import symbols_of
from flashlight_mlir.dialects import block as blk
from flashlight_mlir.dialects.pointwise import PointwiseOp
from flashlight_mlir.dialects.syntax import element_of, is_float
from flashlight_mlir.dialects.tensor_ext import TensorType, type_of
from flashlight_mlir.expr import Atom, Expr, Name
from flashlight_mlir.runtime.launch import LIMIT

SECONDS = 20
Lanes = tuple[z3.ArithRef, ...]
COMPARE = {"lt": "__lt__", "le": "__le__", "gt": "__gt__", "ge": "__ge__", "eq": "__eq__", "ne": "__ne__"}
LOGIC = {"and": z3.And, "or": z3.Or, "xor": z3.Xor}


@dataclass(frozen=True)
class Unproved:
    """A claim that z3 did not prove, and the sizes at which it fails (if it found some)."""

    op: str
    claim: str
    counterexample: str

    def __str__(self) -> str:
        return f"{self.op}: {self.claim} {self.counterexample}"


def cancelled(guard: tuple[Expr, Expr]) -> tuple[Expr, Expr]:
    """An equation of products without the symbols (which are positive) that occur on both sides."""
    a, b = guard
    for name in sorted(a.names & b.names):
        while all(e.terms and all(Name(name) in m for m, _ in e.terms) for e in (a, b)):
            a, b = (Expr.total(((*m[: m.index(Name(name))], *m[m.index(Name(name)) + 1 :]), c) for m, c in e.terms) for e in (a, b))
    return a, b


def linear(e: z3.ExprRef) -> bool:
    """No product of two variables."""
    variable = [x for x in e.children() if not z3.is_int_value(x)]
    return (not z3.is_mul(e) or len(variable) < 2) and all(map(linear, variable))


class Bounds:
    """The proofs of one kernel. ``facts`` holds wherever an op of the kernel runs, for ``sizes`` from 1 on."""

    def __init__(self, kernel: blk.KernelOp, guards: Sequence[tuple[Expr, Expr]] = (), narrow: bool = False):
        self.kernel = kernel
        self.fresh = count()
        self.facts: list[z3.BoolRef] = []
        self.known: dict[tuple[SSAValue, Lanes], z3.ExprRef] = {}
        self.divided: dict[tuple[str, str], tuple[z3.ArithRef, z3.ArithRef]] = {}
        self.factors: dict[SSAValue, list[Expr]] = {}
        self.unproved: list[Unproved] = []
        self.proved = 0
        names = {*symbols_of(kernel), *(n for pair in guards for e in pair for n in e.names)}
        self.symbols = {n: z3.Int(n) for n in sorted(names)}
        for s in self.symbols.values():
            self.facts += [s >= 1, s <= LIMIT] if narrow else [s >= 1]  # larger sizes are launched WIDE: indices of 64 bits
        self.facts += [self.expr(a, {}) == self.expr(b, {}) for a, b in map(cancelled, guards)]

    def any(self, boolean: bool = False) -> z3.ExprRef:
        name = f"any{next(self.fresh)}"
        return z3.Bool(name) if boolean else z3.Int(name)

    def between(self, low: z3.ArithRef | int, high: z3.ArithRef | int) -> z3.ArithRef:
        """Any number from ``low`` to ``high - 1``."""
        x = self.any()
        self.facts += [x >= low, x < high]
        return x

    def expr(self, e: Expr, env: dict[str, z3.ArithRef], visit: list[z3.ArithRef] | None = None) -> z3.ArithRef:
        """The value of an index expression; every intermediate result goes to ``visit``."""
        total: z3.ArithRef = z3.IntVal(0)
        for monomial, c in e.terms:
            product: z3.ArithRef = z3.IntVal(1)
            for a in monomial:
                product = product * self.atom(a, env, visit)
            product = product * c
            total = total + product
            if visit is not None:
                visit += [product, total]
        return total

    def atom(self, a: Atom, env: dict[str, z3.ArithRef], visit: list[z3.ArithRef] | None) -> z3.ArithRef:
        if isinstance(a, Name):
            return env[a.text] if a.text in env else self.symbols[a.text]
        args = [self.expr(x, env, visit) for x in a.args]
        if a.fn in ("min", "max"):
            out = args[0]
            for x in args[1:]:
                out = z3.If((out <= x) if a.fn == "min" else (out >= x), out, x)
            return out
        by = a.args[1].constant
        if by is not None and by > 0:
            return args[0] / by if a.fn == "floordiv" else args[0] % by
        key = (str(args[0]), str(args[1]))
        if key in self.divided:
            return self.divided[key][a.fn == "mod"]
        quotient, rest = self.divided[key] = self.any(), self.any()
        self.facts.append(z3.Implies(args[1] > 0, z3.And(quotient * args[1] + rest == args[0], rest >= 0, rest < args[1])))
        return quotient if a.fn == "floordiv" else rest

    def at(self, value: SSAValue, lanes: Lanes = ()) -> z3.ExprRef:
        """The element of ``value`` at ``lanes``: an axis of size 1 repeats."""
        shape = blk.shape_of(value.type)
        lanes = tuple(z3.IntVal(0) if n == 1 else x for n, x in zip(shape, lanes, strict=True)) if shape else ()
        key = (value, lanes)
        if key not in self.known:
            self.known[key] = self._at(value, lanes)
        return self.known[key]

    def _at(self, value: SSAValue, lanes: Lanes) -> z3.ExprRef:
        op, boolean = value.owner, element_of(value.type) == i1
        match op:
            case ConstantOp(value=IntegerAttr() as number):
                return z3.BoolVal(bool(number.value.data)) if boolean else z3.IntVal(number.value.data)
            case blk.IotaOp():
                return lanes[0]
            case blk.ExpandOp():
                new = {int(a) for a in op.new_axes}
                return self.at(op.source, tuple(x for k, x in enumerate(lanes) if k not in new))
            case blk.TransOp():
                return self.at(op.source, tuple(reversed(lanes)))
            case blk.SplatOp():
                return self.at(op.source)
            case blk.ProgramOp():
                self.factors[value] = [e for e in self.kernel.grid if e.constant != 1]
                number = self.between(0, self.product(self.factors[value]))
                self.facts.append(number < 2**31)  # more programs are no launch
                return number
            case blk.IndexOp():
                found = self.coordinate(op)
                return self.index(op, lanes) if found is None else found
            case PointwiseOp():
                return self.pointwise(op, lanes)
            case _:
                return self.any(boolean)

    def index(self, op: blk.IndexOp, lanes: Lanes, visit: list[z3.ArithRef] | None = None) -> z3.ArithRef:
        return self.expr(op.expr.data, {n: self.at_joint(v, lanes) for n, v in op.env.items()}, visit)

    def at_joint(self, value: SSAValue, lanes: Lanes) -> z3.ExprRef:
        """An operand at the lanes of its op's result: a scalar has none."""
        return self.at(value, lanes if blk.shape_of(value.type) else ())

    def product(self, factors: Sequence[Expr]) -> z3.ArithRef:
        out: z3.ArithRef = z3.IntVal(1)
        for e in factors:
            out = out * self.expr(e, {})
        return out

    def coordinate(self, op: blk.IndexOp) -> z3.ArithRef | None:
        """``p mod n`` and ``p floordiv n`` of a number p below n · rest: below n, below rest (``test_a_grid_is_decoded``)."""
        if len(op.env) != 1 or not (a := op.expr.data.atom) or isinstance(a, Name) or a.args[0].name is None:
            return None
        (value,) = op.env.values()
        if blk.shape_of(value.type):
            return None
        self.at(value)
        factors, n = self.factors.get(value, []), a.args[-1]
        if n not in factors or a.fn not in ("mod", "floordiv"):
            return None
        rest = list(factors)
        rest.remove(n)
        self.factors[op.result] = [n] if a.fn == "mod" else rest
        found = self.between(0, self.product(self.factors[op.result]))
        self.facts.append(found <= self.at(value))
        return found

    def pointwise(self, op: PointwiseOp, lanes: Lanes) -> z3.ExprRef:
        name, result = op.ROW.name, element_of(op.result.type)
        if any(is_float(v.type) for v in (*op.args, op.result)):
            return self.any(result == i1)
        args = [self.at_joint(a, lanes) for a in op.args]
        boolean = isinstance(args[-1], z3.BoolRef)
        if name in COMPARE and not boolean:
            return getattr(args[0], COMPARE[name])(args[1])
        if name in LOGIC and boolean:
            return LOGIC[name](*args)
        if name == "not" and boolean:
            return z3.Not(args[0])
        if name == "select":
            return z3.If(*args)
        if name == "cast" and not boolean and result in (IndexType(), i64):
            return args[0]
        if name in ("min", "max") and not boolean:
            return z3.If(args[0] <= args[1], *(args if name == "min" else args[::-1]))
        if name in ("add", "sub", "mul") and not boolean and not any(map(self.loaded, op.args)):
            return {"add": args[0] + args[1], "sub": args[0] - args[1], "mul": args[0] * args[1]}[name]
        return self.any(result == i1)

    def loaded(self, value: SSAValue) -> bool:
        """Computed from numbers in memory, or by an op that this file does not follow."""
        match op := value.owner:
            case ConstantOp() | blk.IotaOp() | blk.ProgramOp():
                return False
            case blk.ForOp() | blk.LoadOp():
                return True
            case Operation():
                return any(map(self.loaded, op.operands))
            case _:
                return value is not op.args[0]  # a loop's counter is an index

    def prove(self, claim: z3.BoolRef, given: Sequence[z3.BoolRef], op: Operation, text: str) -> None:
        for facts in ([f for f in self.facts if linear(f)], self.facts):  # products of sizes cost z3 much, and few claims need them
            solver = z3.Solver()
            solver.set("timeout", SECONDS * 1000)
            solver.add(*facts, *given, z3.Not(claim))
            if (found := solver.check()) == z3.unsat:
                self.proved += 1
                return
        model = solver.model() if found == z3.sat else None
        sizes = {n: model.eval(s) for n, s in self.symbols.items()} if model is not None else "z3 gave up"
        self.unproved.append(Unproved(str(op).strip().splitlines()[0], text, str(sizes)))

    def walk(self, ops: Iterator[Operation] | None = None) -> Iterator[Operation]:
        """Every op; while those of a loop come, the facts say that its counter is in range."""
        for op in ops or iter(self.kernel.block.ops):
            yield op
            if isinstance(op, blk.ForOp):
                outer, known, divided = list(self.facts), dict(self.known), dict(self.divided)
                low, high, steps = self.at(op.low), self.at(op.high), self.between(0, 2**62)
                self.known[(op.counter, ())] = low + steps * op.step.value.data
                self.facts.append(self.at(op.counter) < high)
                yield from self.walk(iter(op.body.block.ops))
                self.facts, self.known, self.divided = outer, known, divided

    def accesses(self) -> None:
        """Each load and store, at each of its lanes that the mask lets through, is inside the tensor."""
        for op in self.walk():
            if isinstance(op, blk.LoadOp | blk.StoreOp):
                self.access(op)

    def lanes(self, shape: Sequence[int]) -> Lanes:
        return tuple(self.between(0, n) for n in shape)

    def access(self, op: blk.LoadOp | blk.StoreOp) -> None:
        lanes = self.lanes(op.shape())
        given = [self.at_joint(op.mask, lanes)] if op.mask else []
        for axis, (scalar, size) in enumerate(zip(op.scalars, self.shape(op), strict=True)):
            index = self.at(scalar)
            if axis in op.lanes_of:
                index = index + self.at_joint(op.lanes_of[axis], lanes)
            extent = self.expr(size, {})
            self.prove(z3.And(index >= 0, index < extent), given, op, f"axis {axis} of {size} elements")

    def shape(self, op: blk.LoadOp | blk.StoreOp) -> tuple[Expr, ...]:
        type = op.source.type if isinstance(op, blk.LoadOp) else self.kernel.outputs[op.number.value.data].type
        assert isinstance(type, TensorType)
        return type_of(op.source).shape if isinstance(op, blk.LoadOp) else type.shape

    def integers(self) -> None:
        """Each index that has 32 bits in a launch that is not WIDE fits them, at every lane, masked or not."""
        for op in self.walk():
            match op:
                case blk.IndexOp() if isinstance(element_of(op.result.type), IndexType):
                    lanes, visit = self.lanes(blk.shape_of(op.result.type)), list[z3.ArithRef]()
                    self.index(op, lanes, visit)
                    self.fits(op, [*visit, self.at(op.result, lanes)])
                case PointwiseOp() if isinstance(element_of(op.result.type), IndexType) and op.ROW.name != "mul":
                    self.fits(op, [self.at(op.result, self.lanes(blk.shape_of(op.result.type)))])
                case blk.ForOp():
                    self.fits(op, [self.at(op.low), self.at(op.high) + op.step.value.data])
                case blk.LoadOp() | blk.StoreOp():
                    self.spans(op)
                case _:
                    pass

    def fits(self, op: Operation, values: Sequence[z3.ExprRef]) -> None:
        for v in dict.fromkeys(z3.simplify(v) for v in values):
            if not z3.is_int_value(v):
                self.prove(z3.And(v >= -(2**31), v < 2**31), [], op, f"{v} in 32 bits")

    def spans(self, op: blk.LoadOp | blk.StoreOp) -> None:
        """Lane offsets of 32 bits stay within the span that ``is_wide`` multiplies with the stride."""
        from flashlight_mlir.backend.body import describe

        type = op.source.type if isinstance(op, blk.LoadOp) else self.kernel.outputs[op.number.value.data].type
        assert isinstance(type, TensorType)
        tensor, lanes = describe(type, [op]), self.lanes(op.shape())
        given = [self.at_joint(op.mask, lanes)] if op.mask else []
        for axis, value in op.lanes_of.items():
            if element_of(value.type) != i64:
                offset, span = self.at_joint(value, lanes), tensor.spans[axis]
                most = self.expr(tensor.shape[axis], {}) if span is None else z3.IntVal(span)
                self.prove(z3.And(offset <= most, offset >= -most), given, op, f"lanes of axis {axis} move up to {most}")
