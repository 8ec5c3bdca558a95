"""The two sides of a law: parsing them, matching one against a term, building the other.

Sums and products match up to order: parts of the pattern that are no letters each take one part of the term; a letter that
must be free takes every free part, a mixed one takes one, and one letter takes what remains.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, log
from typing import Protocol

from xdsl.dialects.builtin import f32

from flashlight_mlir.analysis.terms import Pool, Term


class Context(Protocol):
    """The reduction that a law is used in: its dims, and what holds of a term in it."""

    pool: Pool
    over: tuple[str, ...]

    def holds(self, condition: str, t: Term) -> bool: ...


REDUCTIONS = ("sum", "max", "min")
Bindings = dict[str, Term]
COLLECTING = ("free", "neutral")
"""Conditions under which a letter takes all the parts of a sum or product that meet it."""


@dataclass(frozen=True)
class Law:
    """``left == right  where conditions``."""

    name: str
    left: str
    right: str
    where: tuple[str, ...] = ()
    can_cancel: bool = False

    def __str__(self) -> str:
        return f"{self.left} == {self.right}" + (f"   where {', '.join(self.where)}" if self.where else "")


@dataclass(frozen=True)
class Pattern:
    """``op`` is ``letter``, ``number``, ``+``, ``*``, ``**`` or a function's name."""

    op: str
    args: tuple[Pattern, ...] = ()
    data: str | float = ""


@lru_cache(maxsize=1024)
def parse(text: str) -> Pattern:
    """``"c * sum(f)"`` as a pattern; Python's own grammar is the law's."""
    return _read(ast.parse(text, mode="eval").body)


def _read(node: ast.expr) -> Pattern:
    match node:
        case ast.Name(id=name):
            return Pattern("letter", (), name)
        case ast.Constant(value=int() | float() as value):
            return Pattern("number", (), float(value))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Pattern("number", (), -float(value))
        case ast.BinOp(left=a, op=ast.Sub(), right=b):
            return Pattern("+", (_read(a), Pattern("*", (Pattern("number", (), -1.0), _read(b)))))
        case ast.BinOp(left=a, op=ast.Add() | ast.Mult() as op, right=b):
            name = "+" if isinstance(op, ast.Add) else "*"
            parts = [p for x in (_read(a), _read(b)) for p in (x.args if x.op == name else (x,))]
            return Pattern(name, tuple(parts))
        case ast.BinOp(left=a, op=ast.Pow(), right=b):
            return Pattern("**", (_read(a), _read(b)))
        case ast.Call(func=ast.Name(id=fn), args=args):
            return Pattern(fn.rstrip("_"), tuple(map(_read, args)))
        case _:
            raise ValueError(f"no law: {ast.unparse(node)}")


@dataclass
class Matcher:
    """Match ``top`` within ``context``; ``where`` maps each letter to the conditions on it alone."""

    context: Context
    where: dict[str, tuple[str, ...]]
    top: Pattern

    def match(self, p: Pattern, t: Term, env: Bindings) -> Iterator[Bindings]:
        pool = self.context.pool
        match p.op:
            case "letter":
                if bound := env.get(str(p.data)):
                    if bound is t:
                        yield env
                elif all(self.context.holds(c, t) for c in self.where.get(str(p.data), ())):
                    yield env | {str(p.data): t}
            case "number":
                if t.value == p.data:
                    yield env
            case "+" | "*":
                name = "sum" if p.op == "+" else "product"
                if t.op == name or any(a.op != "letter" for a in p.args):
                    yield from self._parts(p, list(t.args) if t.op == name else [t], env)
            case "**":
                base, n = (t.args[0], t.data) if t.op == "power" else (t, 1)
                if t.op == "power" or p.args[0].op != "letter":
                    for found in self.match(p.args[0], base, env):
                        yield from self.match(p.args[1], pool.num(n), found)
            case "phi":
                yield from self._monotone(p, t, env)
            case _ if p.op in REDUCTIONS and len(p.args) == 1:
                if t.op == "reduce" and t.data[0] == p.op:
                    yield from self.match(p.args[0], t.args[0], env)
            case _ if t.op == p.op and len(t.args) == len(p.args):
                yield from self._all(list(zip(p.args, t.args, strict=True)), env)
            case _:
                pass

    def _all(self, pairs: list[tuple[Pattern, Term]], env: Bindings) -> Iterator[Bindings]:
        if not pairs:
            yield env
            return
        for found in self.match(*pairs[0], env):
            yield from self._all(pairs[1:], found)

    def _parts(self, p: Pattern, parts: list[Term], env: Bindings) -> Iterator[Bindings]:
        shaped = [a for a in p.args if a.op != "letter"]
        letters = [str(a.data) for a in p.args if a.op == "letter"]
        for found, rest in self._shaped(shaped, parts, env):
            taken = self._letters(p, sorted(letters, key=self._eagerness), rest, found)
            if taken is not None:
                yield taken

    def _shaped(self, patterns: list[Pattern], parts: list[Term], env: Bindings) -> Iterator[tuple[Bindings, list[Term]]]:
        if not patterns:
            yield env, parts
            return
        for k, part in enumerate(parts):
            for found in self.match(patterns[0], part, env):
                yield from self._shaped(patterns[1:], parts[:k] + parts[k + 1 :], found)

    def _eagerness(self, letter: str) -> int:
        where = self.where.get(letter, ())
        return 0 if any(c in COLLECTING for c in where) else 1 if "mixed" in where else 2

    def _letters(self, p: Pattern, letters: list[str], parts: list[Term], env: Bindings) -> Bindings | None:
        pool, where, op = self.context.pool, self.where, p.op
        build = pool.add if op == "+" else pool.mul
        for k, letter in enumerate(letters):
            last = k == len(letters) - 1
            fits = [t for t in parts if all(self.context.holds(c, t) for c in where.get(letter, ()))]
            if letter in env or (last and self._eagerness(letter) == 2):
                take = parts
            elif self._eagerness(letter) == 0:
                take = fits
            else:
                take = fits[:1]
            if not take and (op == "+" or not last or self._eagerness(letter) != 2):
                return None
            value = build(*take)
            if letter in env:
                if env[letter] is not value:
                    return None
            elif not all(self.context.holds(c, value) for c in where.get(letter, ())):
                return None
            env = env | {letter: value}
            parts = [t for t in parts if t not in take]
        if parts and op == "*" and p is self.top:  # factors that the row does not speak of stay
            return env | {"...": pool.mul(*parts, *([env["..."]] if "..." in env else []))}
        return None if parts else env

    def _monotone(self, p: Pattern, t: Term, env: Bindings) -> Iterator[Bindings]:
        """``phi(f)``: f is the one operand that depends on the dims at hand."""
        varying = [k for k, a in enumerate(t.args) if not self.context.holds("free", a)]
        if len(varying) == 1 and t.op not in ("reduce", "contract", "leaf"):
            for found in self.match(p.args[0], t.args[varying[0]], env):
                yield found | {"phi": t, "#": self.context.pool.num(varying[0])}


def build(p: Pattern, env: Bindings, context: Context) -> Term:
    """The term that a pattern stands for."""
    pool = context.pool

    def args() -> Sequence[Term]:
        return [build(a, env, context) for a in p.args]

    match p.op:
        case "letter":
            return env[str(p.data)]
        case "number":
            return pool.num(float(p.data))
        case "+":
            return pool.add(*args())
        case "*":
            return pool.mul(*args())
        case "**":
            base, n = args()
            return pool.pow(base, _number(n))
        case "phi":
            t, k = env["phi"], int(env["#"].value or 0)
            new = [build(p.args[0], env, context) if i == k else a for i, a in enumerate(t.args)]
            return pool.make("sum", sorted(new)) if t.op == "sum" else rebuild(pool, t, new)  # m - m is NaN for -inf
        case "mean":
            return pool.mean(args()[0], context.over)
        case "indicator":
            return pool.make("cast", args(), f32)
        case "moments":  # sum((a + b) ** n * y), powers of b in front
            a, b, n, y = args()
            count = int(_number(n))
            parts = [(comb(count, k), k, reduced(context, "sum", pool.mul(pool.pow(a, k), y))) for k in range(count + 1)]
            return pool.add(*(pool.mul(pool.num(c), pool.pow(b, count - k), s) for c, k, s in parts))
        case "exp":
            (x,) = args()
            return pool.num(1) if x.value == 0 else pool.make("exp", (x,))
        case "log" if (x := args()[0]).value:
            return pool.num(log(x.value or 1))
        case "contract":
            return pool.make("contract", args(), env["@"].data)
        case _ if p.op in REDUCTIONS and len(p.args) == 1:
            return reduced(context, p.op, *args())
        case _:
            return pool.make(p.op, args())


def reduced(context: Context, kind: str, f: Term) -> Term:
    """A reduction of ``f``, which may not vary."""
    if f.dims.intersection(context.over):
        return context.pool.reduce(kind, f, context.over)
    count = context.pool.reduce("sum", context.pool.one(context.over), context.over)  # N2: an extent is a sum of ones
    return context.pool.mul(f, count) if kind == "sum" else f


def varying(pool: Pool, t: Term) -> list[Term]:
    """The factors of a reduction, where nothing in it varies over some of its dims any more: N2 again, dim by dim."""
    same = tuple(d for d in t.over if not any(d in a.dims for a in t.args))
    if not same or (t.op == "reduce" and t.data[0] == "prod"):
        return [t]
    rest = tuple(d for d in t.over if d not in same)
    if t.op == "contract":
        inner = [pool.make("contract", t.args, (rest, *t.data[1:]))] if rest else list(t.args)
    else:
        inner = [pool.reduce(t.data[0], t.args[0], rest) if rest else t.args[0]]
    summed = t.op == "contract" or t.data[0] == "sum"
    return [*inner, pool.reduce("sum", pool.one(same), same)] if summed else inner


def _number(t: Term) -> float:
    assert t.value is not None, "a power has a constant exponent"
    return t.value


def rebuild(pool: Pool, t: Term, args: Sequence[Term]) -> Term:
    """``t`` over other operands, kept canonical."""
    match t.op:
        case "sum":
            return pool.add(*args)
        case "product":
            return pool.mul(*args)
        case "power":
            return pool.pow(args[0], t.data)
        case _ if tuple(args) == t.args:
            return t
        case "leaf":
            return pool.make(t.op, args, t.data, t.dims)
        case _:
            return pool.make(t.op, args, t.data)
