"""The order that every application of a law lowers, so that rewriting ends: a multiset path order over terms.

``s > t`` if a part of s is t or greater; or if s's op ranks higher and s > every part of t; or if the ops rank alike and
the parts of s are a greater multiset (Dershowitz 1982: well-founded, and every term is greater than its parts). Products and
powers are one thing here: ``a ** 3`` is three factors a. Numbers are least, and so is a reduction that sees nothing earlier
and does not vary; a unit ``w - max(w)`` is little more than w.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Protocol

from flashlight_mlir.analysis.terms import Term


class Context(Protocol):
    """The reduction that terms are ordered for: what of them is known before its loop, in it, and as a unit."""

    def free(self, t: Term) -> bool: ...

    def blind(self, t: Term) -> bool: ...

    def unit(self, t: Term) -> tuple[Term, Term] | None: ...


STRICT = False
"""A row that does not lower the order is an error, and not just not applied (the tests set this)."""

NAMES = "settled leaf scaled unit sum product exp power log other select reduce"
RANKS = {name: rank for rank, name in enumerate(NAMES.split())}
RANKS["contract"] = RANKS["reduce"]
"""``other`` are all ops that are not named: the laws spell them in terms of those that rank lower."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What the order sees of a term; equal shapes are one object. ``parts`` says how often each occurs."""

    rank: int
    parts: tuple[tuple[Shape, int], ...] = ()


@dataclass
class Order:
    """The order as one reduction sees it: ``context`` says what is settled."""

    context: Context
    shapes: dict[Term, Shape] = field(default_factory=dict[Term, Shape])
    table: dict[tuple[int, frozenset[tuple[Shape, int]]], Shape] = field(
        default_factory=dict[tuple[int, frozenset[tuple[Shape, int]]], Shape]
    )
    known: dict[tuple[Shape, Shape], bool] = field(default_factory=dict[tuple[Shape, Shape], bool])

    def falls(self, new: Term, old: Term) -> bool:
        return self.greater(self.shape(old), self.shape(new))

    def rises(self, new: Term, old: Term) -> bool:
        """``new`` is neither lower than ``old`` nor of its shape."""
        a, b = self.shape(old), self.shape(new)
        return a is not b and not self.greater(a, b)

    def shape(self, t: Term) -> Shape:
        if t not in self.shapes:
            self.shapes[t] = self._shape(t)
        return self.shapes[t]

    def _shape(self, t: Term) -> Shape:
        context = self.context
        if t.value is not None or (t.op in ("reduce", "contract") and context.free(t) and all(map(context.blind, t.args))):
            return self._make("settled")
        if found := context.unit(t):
            return self._make("unit", [(self.shape(found[0]), 1)])
        if t.op in ("product", "power"):
            return self._product(t)
        parts = [(self.shape(a), 1) for a in t.args]
        if t.op == "sum":
            parts = [s.parts[0] if s.rank == RANKS["scaled"] else (s, n) for s, n in parts]
        return self._make(t.op if t.args else "leaf", parts)

    def _product(self, t: Term) -> Shape:
        """A number times a product weighs little, as ``x + x`` is ``2 * x``; but it multiplies out a sum."""
        factors = [a for a in (t.args if t.op == "product" else (t,)) if a.value is None]
        parts = [p for a in factors for p in self._factors(a)]
        number = t.op == "product" and len(factors) < len(t.args)
        if number and any(s.rank in (RANKS["sum"], RANKS["unit"]) for s, _ in parts):
            return self._make("product", [*parts, (self._make("settled"), 1)])
        rest = parts[0][0] if len(parts) == 1 and parts[0][1] == 1 else self._make("product", parts)
        return self._make("scaled", [(rest, 1)]) if number else rest

    def _factors(self, t: Term) -> list[tuple[Shape, int]]:
        """``a ** 2.5`` is twice a and once a root; ``a ** -2`` is twice an inverse."""
        if t.op != "power":
            return [(self.shape(t), 1)]
        base, n = self.shape(t.args[0]), float(t.data)
        whole, roots = (floor(n), int(n > floor(n))) if n > 0 else (0, ceil(-n))
        root = self._make("power", [(base, 1)])
        return [(s, k) for s, k in ((base, whole), (root, roots)) if k]

    def _make(self, op: str, parts: Iterable[tuple[Shape, int]] = ()) -> Shape:
        count: dict[Shape, int] = {}
        for s, n in parts:
            count[s] = count.get(s, 0) + n
        rank = RANKS.get(op, RANKS["other"])
        return self.table.setdefault((rank, frozenset(count.items())), Shape(rank, tuple(count.items())))

    def greater(self, s: Shape, t: Shape) -> bool:
        if (s, t) not in self.known:
            self.known[s, t] = s is not t and self._greater(s, t)
        return self.known[s, t]

    def _greater(self, s: Shape, t: Shape) -> bool:
        if any(a is t or self.greater(a, t) for a, _ in s.parts):
            return True
        if s.rank != t.rank:
            return s.rank > t.rank and all(self.greater(s, b) for b, _ in t.parts)
        return self._more(dict(s.parts), dict(t.parts), self.greater)

    @staticmethod
    def _more(s: dict[Shape, int], t: dict[Shape, int], greater: Callable[[Shape, Shape], bool]) -> bool:
        """The multiset order: what t has more of, s has something greater for."""
        gone = [a for a, n in s.items() if n > t.get(a, 0)]
        come = [b for b, n in t.items() if n > s.get(b, 0)]
        return bool(gone) and all(any(greater(a, b) for a in gone) for b in come)
