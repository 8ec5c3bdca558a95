"""Index expressions: polynomials over size symbols, dims and tile edges, with floordiv, mod, min and max.

xDSL's ``AffineExpr`` refuses a symbol times a dim and floordiv or mod by a symbol, which every dynamic view needs
(docs/decisions/0001). An :class:`Expr` is kept in canonical form, so equal polynomials are equal objects::

    >>> h, g = Expr.of("h"), Expr.of("g")
    >>> str(h * 8 + g + 0)
    'g + 8 * h'
    >>> str((h * 8 + g).floordiv(Expr.of(8), {"g": Expr.of(8)}))
    'h'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce


@dataclass(frozen=True)
class Name:
    """A size symbol (``S``) or a dim (``j``)."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Call:
    """``floordiv``, ``mod``, ``min``, ``max`` of expressions, and the tile edges ``lo(i)``, ``hi(i)``."""

    fn: str
    args: tuple[Expr, ...]

    def __str__(self) -> str:
        if self.fn in ("floordiv", "mod"):
            return f"{_factor(self.args[0])} {self.fn} {_factor(self.args[1])}"
        return f"{self.fn}({', '.join(map(str, self.args))})"


Atom = Name | Call
Monomial = tuple[Atom, ...]
Bounds = Mapping[str, "Expr"]
"""Extent of each dim: ``0 <= name < bounds[name]``. Names that are absent are size symbols, at least 1."""


def _factor(e: Expr) -> str:
    return str(e) if e.is_atomic else f"({e})"


@dataclass(frozen=True)
class Expr:
    """A polynomial with integer coefficients: ``{monomial: coefficient}`` as a sorted tuple."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def of(value: Expr | Atom | int | str) -> Expr:
        if isinstance(value, Expr):
            return value
        if isinstance(value, int):
            return Expr((((), value),) if value else ())
        return Expr((((Name(value) if isinstance(value, str) else value,), 1),))

    @staticmethod
    def total(terms: Iterable[tuple[Monomial, int]]) -> Expr:
        """The sum of ``coefficient * monomial``."""
        total: dict[Monomial, int] = {}
        for monomial, coefficient in terms:
            total[monomial] = total.get(monomial, 0) + coefficient
        _join_divisions(total)
        kept = ((m, c) for m, c in total.items() if c)
        return Expr(tuple(sorted(kept, key=lambda t: (-len(t[0]), [str(a) for a in t[0]]))))

    def __add__(self, other: Expr | int) -> Expr:
        return Expr.total((*self.terms, *Expr.of(other).terms))

    def __neg__(self) -> Expr:
        return self * -1

    def __sub__(self, other: Expr | int) -> Expr:
        return self + -Expr.of(other)

    def __mul__(self, other: Expr | int) -> Expr:
        return Expr.total((tuple(sorted((*m, *n), key=str)), c * d) for m, c in self.terms for n, d in Expr.of(other).terms)

    @property
    def constant(self) -> int | None:
        """The value, if the expression is a literal."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @property
    def atom(self) -> Atom | None:
        """The atom, if the expression is just one."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            return self.terms[0][0][0]
        return None

    @property
    def name(self) -> str | None:
        """The name, if the expression is just one name."""
        return self.atom.text if isinstance(self.atom, Name) else None

    @property
    def is_atomic(self) -> bool:
        if self.constant is not None:
            return self.constant >= 0
        return isinstance(self.atom, Name) or (isinstance(self.atom, Call) and self.atom.fn not in ("floordiv", "mod"))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that the value depends on, those under ``lo`` and ``hi`` included."""
        out: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                out |= {atom.text} if isinstance(atom, Name) else frozenset().union(*(a.names for a in atom.args))
        return frozenset(out)

    def coefficient(self, name: str) -> tuple[Expr, Expr] | None:
        """``(a, b)`` with ``self == a * name + b`` and both free of ``name``; None if there are none."""
        a: list[tuple[Monomial, int]] = []
        b: list[tuple[Monomial, int]] = []
        for monomial, c in self.terms:
            if Name(name) in monomial:
                rest = list(monomial)
                rest.remove(Name(name))
                a.append((tuple(rest), c))
            else:
                b.append((monomial, c))
        found = Expr.total(a), Expr.total(b)
        return None if any(name in e.names for e in found) else found

    def map_atoms(self, fn: Callable[[Atom], Expr]) -> Expr:
        """Rebuild with every outermost atom replaced by ``fn(atom)``."""
        total = Expr(())
        for monomial, c in self.terms:
            total = total + reduce(lambda x, y: x * y, (fn(a) for a in monomial), Expr.of(c))
        return total

    def substitute(self, env: Mapping[str, Expr], bounds: Bounds | None = None) -> Expr:
        """Replace names; rebuilt floordiv and mod are simplified under ``bounds``."""

        def replace(atom: Atom) -> Expr:
            if isinstance(atom, Name):
                return env.get(atom.text, Expr.of(atom))
            if atom.fn in ("lo", "hi"):
                inner = atom.args[0].substitute(env)
                return Expr.of(Call(atom.fn, (inner,)))
            return call(atom.fn, tuple(a.substitute(env, bounds) for a in atom.args), bounds)

        return self.map_atoms(replace) if self.names & env.keys() else self

    def upper(self, bounds: Bounds) -> Expr | None:
        """A largest value with dims replaced by ``extent - 1``; None unless the coefficients are all >= 0."""
        if any(c < 0 for m, c in self.terms if m) or any(isinstance(a, Call) for m, _ in self.terms for a in m):
            return None
        return self.substitute({n: bounds[n] - 1 for n in self.names if n in bounds})

    def is_nonnegative(self, bounds: Bounds) -> bool:
        """Proved >= 0 for all dims in range and all symbols >= 1 (sound, not complete)."""
        shifted = self.substitute({n: Expr.of(n) + 1 for n in self.names if n not in bounds and n[0].isupper()})
        return all(c >= 0 for _, c in shifted.terms) and all(_atom_nonnegative(a) for m, _ in shifted.terms for a in m)

    def is_below(self, limit: Expr, bounds: Bounds) -> bool:
        """Proved ``self < limit`` (sound, not complete)."""
        top = self.upper(bounds)
        return top is not None and (limit - top - 1).is_nonnegative(bounds)

    def floordiv(self, by: Expr | int, bounds: Bounds | None = None) -> Expr:
        return call("floordiv", (self, Expr.of(by)), bounds)

    def mod(self, by: Expr | int, bounds: Bounds | None = None) -> Expr:
        return call("mod", (self, Expr.of(by)), bounds)

    def evaluate(self, env: Callable[[Atom], int]) -> int:
        """The value with ``env`` giving names and tile edges (numbers, or arrays that broadcast)."""

        def value(atom: Atom) -> int:
            if isinstance(atom, Name) or atom.fn in ("lo", "hi"):
                return env(atom)
            args = [a.evaluate(env) for a in atom.args]
            if atom.fn == "floordiv":
                return args[0] // args[1]
            if atom.fn == "mod":
                return args[0] % args[1]
            return (min if atom.fn == "min" else max)(args)

        total: int | None = None
        for monomial, c in self.terms:
            product = reduce(lambda x, y: x * y, (value(a) for a in monomial)) * c if monomial else c
            total = product if total is None else total + product
        return 0 if total is None else total

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        out = ""
        for monomial, c in self.terms:
            sign = (" - " if c < 0 else " + ") if out else ("-" if c < 0 else "")
            factors = [str(a) if isinstance(a, Name) or a.fn not in ("floordiv", "mod") else f"({a})" for a in monomial]
            if self.terms == ((monomial, 1),) and len(monomial) == 1:
                factors = [str(monomial[0])]
            if abs(c) != 1 or not monomial:
                factors.insert(0, str(abs(c)))
            out += sign + " * ".join(factors)
        return out


def _join_divisions(total: dict[Monomial, int]) -> None:
    """``c * (x floordiv c) + x mod c`` is ``x``, also times a factor; changes ``total`` in place."""
    for monomial, c in list(total.items()):
        for k, atom in enumerate(monomial):
            if not isinstance(atom, Call) or atom.fn != "mod" or not total.get(monomial):
                continue
            x, by = atom.args
            factor = Expr((((*monomial[:k], *monomial[k + 1 :]), c),))
            parts = (factor * by * Expr.of(Call("floordiv", (x, by)))).terms
            if not parts or any(total.get(m) != d for m, d in parts):
                continue
            for m in (monomial, *(m for m, _ in parts)):
                del total[m]
            for m, d in (factor * x).terms:
                total[m] = total.get(m, 0) + d
            return _join_divisions(total)


def _atom_nonnegative(atom: Atom) -> bool:
    return (
        isinstance(atom, Name)
        or atom.fn in ("lo", "hi", "mod")
        or all(c >= 0 and all(map(_atom_nonnegative, m)) for a in atom.args for m, c in a.terms)
    )


def call(fn: str, args: tuple[Expr, ...], bounds: Bounds | None = None) -> Expr:
    """Build ``fn(args)``, simplified; ``bounds`` lets floordiv and mod use the ranges of dims."""
    constants = [a.constant for a in args]
    if fn in ("min", "max"):
        unique = tuple(dict.fromkeys(x for a in args for x in _operands(fn, a)))
        if all(c is not None for c in constants):
            return Expr.of((min if fn == "min" else max)(c for c in constants if c is not None))
        return unique[0] if len(unique) == 1 else Expr.of(Call(fn, unique))
    if fn in ("lo", "hi"):
        return Expr.of(Call(fn, args))
    x, by = args
    if by.constant == 0:
        raise ZeroDivisionError(f"{fn} by zero")
    if constants[0] is not None and constants[1] is not None:
        return Expr.of(constants[0] // constants[1] if fn == "floordiv" else constants[0] % constants[1])
    multiple, rest = _split_multiple(x, by)
    bounds = bounds or {}
    if by.constant == 1 or (rest.is_nonnegative(bounds) and rest.is_below(by, bounds)):
        return multiple if fn == "floordiv" else (rest if by.constant != 1 else Expr(()))
    if fn == "mod":  # a multiple of the divisor does not change the remainder
        return Expr.of(Call("mod", (rest, by)))
    return multiple + Expr.of(Call("floordiv", (rest, by)))


def _operands(fn: str, e: Expr) -> tuple[Expr, ...]:
    """The operands of a nested ``min`` or ``max``, or the expression itself."""
    return e.atom.args if isinstance(e.atom, Call) and e.atom.fn == fn else (e,)


def _split_multiple(x: Expr, by: Expr) -> tuple[Expr, Expr]:
    """``(q, r)`` with ``x == q * by + r``: every term that the divisor divides goes to ``q``."""
    if len(by.terms) != 1:
        quotient = Expr.of(1) if x == by else Expr(())
        return quotient, x - quotient * by
    divisor, d = by.terms[0]
    q: list[tuple[Monomial, int]] = []
    r: list[tuple[Monomial, int]] = []
    for monomial, c in x.terms:
        left = list(monomial)
        try:
            for atom in divisor:
                left.remove(atom)
        except ValueError:
            r.append((monomial, c))
            continue
        whole = int(c / d)  # towards zero: a small negative term stays where it is
        q.append((tuple(left), whole))
        r.append((monomial, c - whole * d))
    return Expr.total(q), Expr.total(r)
