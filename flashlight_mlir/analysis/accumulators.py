"""What a fold carries: which units its sums are kept in, and how a sum moves from one unit to another.

``sum(exp(w - g) ** n * y)`` moves from ``g`` to ``g'`` by ``exp(g - g') ** n``; ``sum((w - g) ** n * y)`` becomes
``sum_k C(n, k) (g - g') ** (n - k) sum((w - g) ** k * y)``, so the lower powers are accumulators too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

from flashlight_mlir.analysis.patterns import rebuild
from flashlight_mlir.analysis.separate import Context
from flashlight_mlir.analysis.terms import Term


@dataclass(frozen=True)
class Unit:
    """The unit of ``w``: its running maximum or its running mean; ``term`` is that value."""

    w: Term
    term: Term

    @property
    def is_max(self) -> bool:
        return self.term.op == "reduce"


@dataclass(frozen=True)
class Accumulator:
    """One reduction of a fold: the powers of ``exp(w - unit)`` and of ``w - unit`` in its summand."""

    term: Term
    exponentials: tuple[tuple[Unit, int], ...] = ()
    powers: tuple[tuple[Unit, int], ...] = ()

    @property
    def kind(self) -> str:
        return "sum" if self.term.op == "contract" else self.term.data[0]


def describe(context: Context, t: Term) -> Accumulator:
    """The accumulator of a reduction in normal form."""
    exponentials: list[tuple[Unit, int]] = []
    powers: list[tuple[Unit, int]] = []
    for side in t.args:
        for base, n in context.factors(side):
            exponent = base.args[0] if base.op == "exp" else base
            if context.mixed(base) and (found := context.unit(exponent)):
                (exponentials if base.op == "exp" else powers).append((Unit(*found), n))
    return Accumulator(t, tuple(exponentials), tuple(powers))


def lower(context: Context, t: Term, units: list[tuple[Unit, int]]) -> Term:
    """``t`` with the power of each ``w - unit`` set to the number given."""
    pool = context.pool
    (body,) = t.args
    wanted = {pool.add(unit.w, pool.neg(unit.term)): n for unit, n in units}
    rest = [pool.pow(base, n) for base, n in context.factors(body) if base not in wanted]
    body = pool.mul(*rest, *(pool.pow(base, n) for base, n in wanted.items()))
    if body.value is not None:
        return pool.reduce("sum", pool.one(t.over), t.over)
    return rebuild(pool, t, [body])


def moves(context: Context, a: Accumulator) -> Iterator[tuple[int, list[tuple[Unit, int]], Term]]:
    """The terms ``(coefficient, powers of each unit's shift, accumulator)`` whose sum is ``a`` in the new units."""

    def choose(rest: list[tuple[Unit, int]]) -> Iterator[tuple[int, list[tuple[Unit, int]], list[tuple[Unit, int]]]]:
        if not rest:
            yield 1, [], []
            return
        (unit, n), *others = rest
        for k in range(n, -1, -1):
            for c, shifts, kept in choose(others):
                yield c * comb(n, k), [(unit, n - k), *shifts], [(unit, k), *kept]

    for c, shifts, kept in choose(list(a.powers)):
        yield c, [(u, p) for u, p in shifts if p], lower(context, a.term, kept) if kept else a.term


def closure(context: Context, terms: list[Term]) -> list[Accumulator]:
    """Every accumulator that a fold over ``terms`` carries: units and lower powers included, in a fixed order."""
    todo, found = sorted(terms), dict[Term, Accumulator]()
    while todo:
        t = todo.pop(0)
        if t in found:
            continue
        found[t] = describe(context, t)
        for unit, _ in (*found[t].exponentials, *found[t].powers):
            todo += [unit.term] if unit.is_max else list(unit.term.args)
        todo += [low for _, _, low in moves(context, found[t])]
    return sorted(found.values(), key=lambda a: (bool(a.exponentials or a.powers), a.term.number))
