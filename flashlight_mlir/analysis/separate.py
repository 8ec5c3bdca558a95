"""The normal form: what a reduction reads of earlier reductions over the same dims is moved out of it, by the laws.

A summand becomes ``c(r) * rest(x) * prod exp(w(x) - unit) ** n * prod (w(x) - unit) ** n``: c is moved in front of the
reduction, and only *units* (a running maximum or mean of w, which a fold can re-base) stay inside. All of this is read
off ``passes/laws.py``; here are only the walk (innermost first, memoised) and the conditions that rows speak of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf, isfinite
from typing import NoReturn

from flashlight_mlir.analysis import facts, order
from flashlight_mlir.analysis.order import Order
from flashlight_mlir.analysis.patterns import REDUCTIONS, Bindings, Law, Matcher, build, parse, rebuild, reduced
from flashlight_mlir.analysis.terms import Pool, Term
from flashlight_mlir.diagnostics import CompileError
from flashlight_mlir.dialects.pointwise import ROWS
from flashlight_mlir.dialects.syntax import is_float


class Refused(Exception):
    """``at`` is the term that no law moves."""

    def __init__(self, at: Term, reason: str):
        super().__init__(reason)
        self.at = at


@dataclass
class Context:
    """One reduction: ``over`` are its dims, ``early`` the reductions that are known before its loop begins."""

    pool: Pool
    over: tuple[str, ...]
    streamed: frozenset[str]
    laws: Sequence[Law]
    early: frozenset[Term] = frozenset()
    kind: str = "sum"
    memo: dict[Term, Term] = field(default_factory=dict[Term, Term])
    ranking: Order = field(init=False)

    def __post_init__(self) -> None:
        self.ranking = Order(self)

    def free(self, t: Term) -> bool:
        return not t.dims.intersection(self.over)

    def blind(self, t: Term) -> bool:
        ours = self.streamed.intersection(self.over)
        return not any(r not in self.early and self.streamed.intersection(r.over) == ours for r in t.below)

    def mixed(self, t: Term) -> bool:
        return not self.free(t) and not self.blind(t)

    def unit(self, t: Term) -> tuple[Term, Term] | None:
        """``(w, g)`` if t is ``w - g`` and g is the maximum or the mean of w over our dims."""
        if t.op != "sum":
            return None
        for part in t.args:
            c, g = self.pool.coefficient(part)
            if c == -1 and g is not None:
                w = self.pool.add(*(a for a in t.args if a is not part))
                if g in (self.pool.reduce("max", w, self.over), self.pool.mean(w, self.over)) and self.blind(w):
                    return w, g
        return None

    def holds(self, condition: str, t: Term) -> bool:
        """A condition on one letter."""
        n = t.value
        match condition:
            case "free" | "blind" | "mixed":
                return getattr(self, condition)(t)
            case "summed":
                return self.kind == "sum"
            case "neutral":
                return self.free(t) and self.blind(t)
            case "positive" | "nonnegative":
                return getattr(facts, condition)(t)
            case "number":
                return n is not None
            case "finite":
                return n is None or isfinite(n)
            case "natural" | "several":
                return n is not None and n.is_integer() and n >= (2 if condition == "several" else 1)
            case "even":
                return n is not None and n % 2 == 0
            case "fractional":
                return n is not None and not (n.is_integer() and n >= 1)
            case "lowest":
                return n == -inf
            case _:
                raise ValueError(f"no such condition: {condition}")

    def holds_for(self, condition: str, args: list[str], env: Bindings) -> bool:
        """A condition on the whole match."""
        match condition:
            case "splits":
                n = env["n"].value or 0.5
                return n.is_integer() or all(facts.positive(env[a]) for a in args[:-1])
            case "apart":
                return env["a"] is not env["b"] or not facts.may_be_infinite(env["a"])
            case "loose":
                return self.unit(self.pool.add(*(env[a] for a in args))) is None
            case "float_cast":
                compares = env["a"].op in ROWS and ROWS[env["a"].op].rule == "bool"
                return is_float(env["@"].data) and not compares
            case "increasing" | "decreasing":
                return facts.direction(env["phi"], int(env["#"].value or 0)) == (1 if condition == "increasing" else -1)
            case _:
                raise ValueError(f"no such condition: {condition}")

    def normal(self, t: Term) -> Term:
        """Rewrite a mixed term, or a reduction of one, until no row applies."""
        if t in self.memo:
            return self.memo[t]
        inside = self.mixed(t) or not all(self.blind(a) for r in t.below for a in r.args)
        result = t
        if inside and not (t.op == "sum" and self.unit(t)):
            result = rebuild(self.pool, t, [self.normal(a) for a in t.args])
            if self.ranking.rises(result, t):
                self.circular(t, "what its parts became")
            if (better := self.rewrite(result)) is not None:
                result = self.normal(better)
        self.memo[t] = result
        if t in self.pool.origin:
            self.pool.origin.setdefault(result, self.pool.origin[t])
        return result

    def rewrite(self, t: Term) -> Term | None:
        """The first row that applies."""
        context = self
        if t.op in ("reduce", "contract"):
            if t.op == "reduce" and t.data[0] in REDUCTIONS and not t.args[0].dims.intersection(t.over):
                return reduced(replace(self, over=t.over, memo={}), t.data[0], t.args[0])
            if all(map(self.blind, t.args)):
                return None
            if t.over != self.over:
                context = Context(self.pool, t.over, self.streamed, self.laws, self.early)
        elif not self.mixed(t):
            return None
        for law in self.laws:
            if (right := self.apply(law, t, context)) is not None:
                if not self.ranking.falls(right, t):
                    self.circular(t, f"law {law.name} ({law})")
                return right
        return None

    def apply(self, law: Law, t: Term, context: Context) -> Term | None:
        """What the row makes of the term, if it matches at its top; ``context`` is that of the reduction t, if it is one."""
        where, whole = _conditions(law)
        left = parse(law.left)
        if not _may_match(left.op, t) or (law.can_cancel and t.over != self.over):
            return None
        for env in Matcher(context, where, left).match(left, t, {"@": t}):
            if all(context.holds_for(c, args, env) for c, args in whole) and _accurate(law, env):
                right = build(parse(law.right), env, context)
                if "..." in env:
                    right = self.pool.mul(right, env["..."])
                if right is not t:
                    return right
        return None

    def circular(self, t: Term, culprit: str) -> NoReturn:
        """Stop: what does not lower the order might go on for ever."""
        message = f"{culprit} does not lower the order of {t}"
        raise CompileError(message) if order.STRICT else Refused(t, message)

    def factors(self, t: Term) -> list[tuple[Term, int]]:
        """The factors of a summand with their powers."""
        parts = t.args if t.op == "product" else (t,)
        return [(p.args[0], p.data) if p.op == "power" else (p, 1) for p in parts]

    def check(self, t: Term) -> None:
        """Raise Refused unless every reduction of ours in ``t`` sees earlier ones through units only."""
        ours = self.streamed.intersection(self.over)
        for r in t.below:
            if r in self.early or self.streamed.intersection(r.over) != ours:
                continue
            if not set(r.over) <= frozenset().union(*(a.dims for a in r.args)):
                raise Refused(r, "nothing varies over the dim any more")
            for side in r.args:
                for base, n in self.factors(side):
                    if not self.mixed(base):
                        if not self.blind(base):
                            raise Refused(base, "a factor of earlier results stays inside")
                        continue
                    exponent = base.args[0] if base.op == "exp" else base
                    found = self.unit(exponent) if r.op == "contract" or r.data[0] == "sum" else None
                    if r.op == "contract" and base.op == "sum":
                        raise Refused(base, "the sum of (w - unit) times factors of either sign cancels")
                    if found is None or n < 1 or r.over != self.over:
                        raise Refused(base, f"no law takes what is known only after the loop out of {self.culprit(base)}")

    def separable(self, t: Term) -> bool:
        """A sum of products of what the loop knows and of what it does not."""
        if not self.mixed(t) or self.unit(t) or (t.op == "exp" and self.unit(t.args[0])):
            return True
        return t.op in ("sum", "product", "power") and all(map(self.separable, t.args))

    def culprit(self, t: Term) -> str:
        """The innermost op that mixes for good."""
        for a in t.args:
            if not self.separable(a):
                return self.culprit(a)
        return f"'{ {'sum': 'add', 'product': 'mul', 'power': 'pow'}.get(t.op, t.op) }'"


@lru_cache(maxsize=256)
def _conditions(law: Law) -> tuple[dict[str, tuple[str, ...]], tuple[tuple[str, list[str]], ...]]:
    """Conditions on one letter, and conditions on the whole match."""
    single: dict[str, tuple[str, ...]] = {}
    whole: list[tuple[str, list[str]]] = []
    for text in law.where:
        name, inside = re.fullmatch(r"(\w+)\((.*)\)", text).groups()  # type: ignore[union-attr]
        args = [a.strip() for a in inside.split(",")]
        if name in ("splits", "apart", "loose", "float_cast", "increasing", "decreasing"):
            whole.append((name, args))
        else:
            single[args[0]] = (*single.get(args[0], ()), name)
    return single, tuple(whole)


def _may_match(op: str, t: Term) -> bool:
    own = {"+": "sum", "*": "product", "**": "power"}.get(op, op)
    if op in REDUCTIONS:
        return t.op == "reduce" and t.data[0] == op
    return t.op == own


def _accurate(law: Law, env: Bindings) -> bool:
    """A row that can cancel is used only beside nonnegative factors."""
    return not law.can_cancel or "y" not in env or facts.nonnegative(env["y"])
