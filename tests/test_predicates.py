"""Edges of affine predicates, against every point of a tile; and what has none."""

from __future__ import annotations

from itertools import product

import pytest

from flashlight_mlir.analysis.predicates import Affine, extreme
from flashlight_mlir.expr import Atom, Call, Expr, Name

I, J, S = (Expr.of(n) for n in ("i", "j", "S"))  # noqa: E741
TILE = range(3, 8)
ALL = range(-40, 40)


def value(e: Expr, i: int | None = None, j: int | None = None) -> int:
    """``lo(i)`` and ``hi(i)`` are the tile's edges, S is 5."""

    def atom(a: Atom) -> int:
        if isinstance(a, Call):
            return TILE.start if a.fn == "lo" else TILE.stop
        found = {Name("i"): i, Name("j"): j, Name("S"): 5}[a]
        assert found is not None
        return found

    return e.evaluate(atom)


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize(("a", "b", "c"), product((-1, 1), (-2, -1, 0, 1, 3), (-4, 0, 7)))
def test_edges(a: int, b: int, c: int, negated: bool) -> None:
    predicate = Affine(J * a + I * b + c + S)
    if negated:
        predicate = predicate.negated
    edges = predicate.holds_for("j")
    assert edges is not None
    some = [j for j in ALL if any(value(predicate.form, i, j) >= 0 for i in TILE)]
    every = [j for j in ALL if all(value(predicate.form, i, j) >= 0 for i in TILE)]
    for found, low, high in ((some, edges.some_lo, edges.some_hi), (every, edges.all_lo, edges.all_hi)):
        assert (low is None) != (high is None)
        first = ALL.start if low is None else value(low)
        last = ALL.stop if high is None else value(high)
        assert found == list(range(max(first, ALL.start), min(last, ALL.stop)))


@pytest.mark.parametrize(
    "form", [J * 2 - I, J * -3 + I, J * I - 1, J * J - I, J * S - I, J.floordiv(2) - I, J - I * S, I - 4], ids=str
)
def test_forms_without_edges(form: Expr) -> None:
    assert Affine(form).holds_for("j") is None


LO, HI = (Expr.of(Call(edge, (I,))) for edge in ("lo", "hi"))


@pytest.mark.parametrize(
    ("form", "largest", "expected"),
    [(I * 2 + S, True, HI * 2 - 2 + S), (-I, True, -LO), (I, False, LO), (I * -3, False, HI * -3 + 3), (S, True, S),
     (I * I, True, None), (I * S, False, None)],
    ids=str,
)  # fmt: skip
def test_extremes(form: Expr, largest: bool, expected: Expr | None) -> None:
    assert extreme(form, largest=largest) == expected
