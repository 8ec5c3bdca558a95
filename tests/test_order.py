"""Rewriting ends: every application of a row lowers one well-founded order; a row that goes in circles is named."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter

import pytest
from fold_programs import module as spelled
from fold_programs import random_program
from test_laws import TEXTS
from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.analysis import order
from flashlight_mlir.analysis.order import Order
from flashlight_mlir.analysis.patterns import Law
from flashlight_mlir.analysis.separate import Context
from flashlight_mlir.analysis.terms import Pool, Term
from flashlight_mlir.diagnostics import CompileError, collect
from flashlight_mlir.driver import parse, run_passes
from flashlight_mlir.passes import laws
from flashlight_mlir.passes.laws import LAWS


def separated(text: str) -> tuple[ModuleOp, str]:
    module = parse(text)
    with collect() as remarks:
        run_passes(module, ["separate"])
    return module, " ".join(r.text for r in remarks)


def test_every_row_lowers_the_order_wherever_it_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The assertion itself stands in ``Context.rewrite``, as ``order.STRICT``; here it is not idle for any row."""
    applied: Counter[str] = Counter()
    apply = Context.apply

    def record(self: Context, law: Law, t: Term, context: Context) -> Term | None:
        right = apply(self, law, t, context)
        if right is not None:
            assert self.ranking.falls(right, t)
            applied[law.name] += 1
        return right

    monkeypatch.setattr(Context, "apply", record)
    for text in TEXTS:
        separated(text)
    assert set(applied) == {law.name for law in LAWS}


@pytest.mark.parametrize("seed", range(300))
def test_rewriting_random_programs_lowers_the_order(seed: int) -> None:
    assert order.STRICT
    separated(spelled(random_program(1000 + seed), "o[i]"))


CIRCULAR = [
    Law("undo", "a + -1 * b", "sub(a, b)"),
    Law("lower", "sum(a)", "-1 * sum(neg(a))", ("mixed(a)",)),
    Law("twice", "exp(a)", "exp(-1 * neg(a))"),
    Law("root", "a * b", "sqrt(a * b * a * b)", ("mixed(a)",)),
]


@pytest.mark.parametrize("law", CIRCULAR, ids=lambda law: law.name)
def test_a_circular_row_is_named(law: Law, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laws, "LAWS", (law, *LAWS))
    with pytest.raises(CompileError, match=re.escape(f"law {law.name} ({law}) does not lower the order of")):
        list(map(separated, TEXTS))


@pytest.mark.parametrize("law", CIRCULAR, ids=lambda law: law.name)
def test_outside_of_tests_it_is_a_refusal(law: Law, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "STRICT", False)
    monkeypatch.setattr(laws, "LAWS", (law, *LAWS))
    assert any(f"law {law.name} " in separated(text)[1] for text in TEXTS)


def random_term(pool: Pool, rng: random.Random, depth: int) -> Term:
    if depth == 0 or rng.random() < 0.15:
        return rng.choice([*LEAVES(pool), pool.num(rng.choice([2.0, -1.0, 0.5]))])
    a, b = (random_term(pool, rng, depth - 1) for _ in range(2))
    match rng.randrange(7):
        case 0:
            return pool.add(a, b)
        case 1:
            return pool.mul(a, b)
        case 2:
            return pool.pow(a, rng.choice([2, 3, -1, 0.5])) if a.value is None else a
        case 3:
            return pool.reduce("sum", a, ("j",)) if "j" in a.dims else a
        case 4:
            return pool.add(a, pool.neg(pool.reduce("max", a, ("j",)))) if "j" in a.dims else a
        case k:
            return pool.make("exp" if k == 5 else "sub", (a,) if k == 5 else (a, b))


def LEAVES(pool: Pool) -> list[Term]:
    return [pool.make("leaf", (), name, dims) for name, dims in (("x", "ij"), ("y", "j"), ("g", "i"))]


@pytest.mark.parametrize("seed", range(40))
def test_it_is_an_order(seed: int) -> None:
    """Irreflexive, transitive, and every term is at least its parts; so no rewriting can go on for ever."""
    rng, pool = random.Random(seed), Pool(("i", "j"))
    ranking = Order(Context(pool, ("j",), frozenset("j"), LAWS))
    terms = [random_term(pool, rng, 3) for _ in range(14)]
    for t in terms:
        assert not ranking.falls(t, t)
        if ranking.shape(t).rank > order.RANKS["unit"]:  # rewriting does not look into what is settled
            assert not any(ranking.rises(a, t) for a in t.args)
    for a, b, c in itertools.permutations(terms, 3):
        if ranking.falls(a, b) and ranking.falls(b, c):
            assert ranking.falls(a, c)
