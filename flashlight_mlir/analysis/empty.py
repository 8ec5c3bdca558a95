"""Rows in which a maximum has seen nothing but -inf: what the program computes there, whatever the units of a fold say.

``exp(w - max(w))`` is NaN in such a row, because -inf - -inf is; a fold, whose unit is then 0, computes 0. Both are read with
the maximum, and what it is the maximum of, at -inf (``extremes.py``). Where they differ, the value becomes
``select(max(w) == -inf, what the program says, what the fold says)``; and such a select that the fold makes needless goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isnan, nan
from typing import Protocol

from flashlight_mlir.analysis import facts
from flashlight_mlir.analysis.accumulators import Accumulator
from flashlight_mlir.analysis.extremes import FINITE, Value, apply, reduce, same
from flashlight_mlir.analysis.patterns import rebuild
from flashlight_mlir.analysis.terms import Pool, Term


class Separated(Protocol):
    """Terms with their reductions separated (``stages.py``); ``flat``: the sums see the maximum itself, -inf included."""

    pool: Pool
    stage: dict[Term, int]
    flat: bool

    def visit(self, t: Term) -> Term: ...

    def accumulator(self, r: Term) -> Accumulator: ...


@dataclass
class Reading:
    """What a term is in a row where ``unit`` is -inf; ``known`` says it of some terms."""

    unit: Term
    known: Mapping[Term, Value]
    memo: dict[Term, Value] = field(default_factory=dict[Term, Value])

    def of(self, t: Term) -> Value:
        if t in self.known:
            return self.known[t]
        if t not in self.memo:
            self.memo[t] = self._of(t)
        return self.memo[t]

    def _of(self, t: Term) -> Value:
        if self.unit.dims.intersection(t.over):  # other rows are in it too
            return None
        args = [self.of(a) for a in t.args]
        match t.op:
            case "number":
                return float(t.value or 0)
            case "leaf":
                return FINITE  # as in law D8
            case "reduce":
                return reduce(t.data[0], args[0])
            case "contract":
                return reduce("sum", apply("mul", args))
            case "div" if args[0] == 0.0 and args[1] is FINITE and facts.positive(t.args[1]):
                return 0.0
            case "power":
                return apply("div", [1.0, power(args[0], -t.data)]) if t.data < 0 else power(args[0], t.data)
            case _:
                return apply(t.op, args)


def power(x: Value, n: float) -> Value:
    return x**n if isinstance(x, float) and (x in (0, 1, inf) or isnan(x)) else None


@dataclass
class Unit:
    """A maximum that sums are kept relative to, as the program reads it and as the loops compute it."""

    term: Term
    program: Reading
    loops: Reading
    empty: Term

    def settle(self, pool: Pool, value: float, t: Term, is_bool: bool) -> Term:
        """``t``, which is ``value`` in the program's reading: corrected if the loops do not say so, else without a correction."""
        if t.op == "select" and t.args[0] is self.empty and same(self.loops.of(t.args[2]), value):
            return t.args[2]
        if same(self.loops.of(t), value):
            return t
        if is_bool:
            other = pool.make("not", (self.empty,))
            return pool.make("or", (self.empty, t)) if value else pool.make("and", (other, t))
        return pool.make("select", (self.empty, pool.num(nan if isnan(value) else value), t))


@dataclass
class Correction:
    """Corrects a value of the program, with all that it is made of, where a unit of its sums is -inf."""

    stages: Separated
    units: list[Unit]
    memo: dict[Term, Term] = field(default_factory=dict[Term, Term])

    def of(self, t: Term) -> Term:
        if t not in self.memo:
            self.memo[t] = self._of(t)
        return self.memo[t]

    def _of(self, t: Term) -> Term:
        new = self.stages.visit(t)
        if not new.below:
            return new
        values = [u.program.of(t) for u in self.units]
        if not t.over and not all(isinstance(v, float) for v in values):
            new = rebuild(self.stages.pool, t, [self.of(a) for a in t.args])
        for unit, value in zip(self.units, values, strict=True):
            if isinstance(value, float) and unit.term in new.below:
                new = unit.settle(self.stages.pool, value, new, facts.is_bool(t))
        return new


def corrected(stages: Separated, t: Term, leaving: frozenset[str] | None = None) -> Term:
    """``stages.visit(t)``, right in empty rows too; ``leaving``: only in rows along these dims, which end here."""
    new, pool = stages.visit(t), stages.pool
    sums = {r: stages.accumulator(r) for r in sorted(new.below) if r in stages.stage}
    found = {
        u: None
        for a in sums.values()
        for u, _ in (*a.exponentials, *a.powers)
        if u.is_max and facts.may_be_infinite(u.w, inputs=True)
    }
    units: list[Unit] = []
    for unit in found:
        if leaving is not None and not unit.term.dims & leaving:
            continue
        known: dict[Term, Value] = {unit.term: -inf, unit.w: -inf}
        for r, a in sums.items():
            scaled, powers = (any(unit == u for u, _ in part) for part in (a.exponentials, a.powers))
            if scaled or powers:
                known[r] = nan if stages.flat or (scaled and powers) else 0.0 if scaled else None
        loops = Reading(unit.term, known)
        program = Reading(unit.term, dict(known_in_program(stages, t, loops)))
        units.append(Unit(unit.term, program, loops, pool.make("eq", (unit.term, pool.num(-inf)))))
    return Correction(stages, units).of(t) if units else new


def known_in_program(stages: Separated, t: Term, loops: Reading) -> Iterator[tuple[Term, Value]]:
    """The maxima (minima) below ``t`` that are infinite where the unit is, and what they are taken of."""
    for r in sorted(t.below):
        lowest = {"max": -inf, "min": inf}.get(r.data[0]) if r.op == "reduce" else None
        if lowest is not None and loops.of(stages.visit(r)) == lowest:
            yield from ((r, lowest), (r.args[0], lowest))
