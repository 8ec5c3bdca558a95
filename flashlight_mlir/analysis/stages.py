"""Which pass over a dim computes which reduction: as few passes as the laws allow.

Reductions over the same streamed dims share a stage when each sees the others through units only. One that no law
separates goes to the next stage, where everything before it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flashlight_mlir.analysis.accumulators import Accumulator, describe
from flashlight_mlir.analysis.empty import corrected
from flashlight_mlir.analysis.patterns import Law, rebuild, varying
from flashlight_mlir.analysis.separate import Context, Refused
from flashlight_mlir.analysis.terms import Pool, Term


@dataclass
class Stages:
    """Rewrites terms so that every reduction over streamed dims is in normal form, and remembers its stage."""

    pool: Pool
    streamed: frozenset[str]
    laws: Sequence[Law]
    refuse: Callable[[Term, Refused], None]
    flat: bool = False
    """Sums will be flat, not folded: they see the maximum itself as their unit, -inf included."""
    stage: dict[Term, int] = field(default_factory=dict[Term, int])
    memo: dict[Term, Term] = field(default_factory=dict[Term, Term])

    def visit(self, t: Term) -> Term:
        """The term with all its reductions separated."""
        if t not in self.memo:
            new = rebuild(self.pool, t, [corrected(self, a, frozenset(t.over)) if t.over else self.visit(a) for a in t.args])
            parts = [self.staged(t, part) for part in varying(self.pool, new)]
            new = parts[0] if len(parts) == 1 else self.pool.mul(*parts)
            self.memo[t] = new
            if t in self.pool.origin:
                self.pool.origin.setdefault(new, self.pool.origin[t])
        return self.memo[t]

    def staged(self, old: Term, t: Term) -> Term:
        return self.separate(old, t) if self.streamed.intersection(t.over) and t not in self.stage else t

    def separate(self, old: Term, t: Term) -> Term:
        ours = self.streamed.intersection(t.over)
        same = [r for r in self.known(t) if self.streamed.intersection(r.over) == ours]
        others = [r for r in self.known(t) if r not in same and not r.dims & ours]
        level = max([self.stage[r] for r in same] + [self.stage[r] + 1 for r in others], default=0)
        early = frozenset(r for r in self.known(t) if self.stage[r] < level)
        kind = "sum" if t.op == "contract" else t.data[0]
        context = Context(self.pool, t.over, self.streamed, self.laws, early, kind)
        try:
            new = context.normal(t)
            context.check(new)
        except Refused as refused:
            self.refuse(old, refused)
            new, level = t, level + 1
        for r in new.below:
            if r not in self.stage and self.streamed.intersection(r.over):
                self.stage[r] = level
                if r.op == old.op:
                    self.pool.origin.setdefault(r, self.pool.origin[old])
        return new

    def accumulator(self, r: Term) -> Accumulator:
        """What a fold keeps for a separated reduction."""
        early = frozenset(e for e, s in self.stage.items() if s < self.stage[r])
        return describe(Context(self.pool, r.over, self.streamed, self.laws, early), r)

    def known(self, t: Term) -> list[Term]:
        """The reductions over streamed dims below ``t``, itself apart."""
        return [r for r in sorted(t.below) if r is not t and r in self.stage]
