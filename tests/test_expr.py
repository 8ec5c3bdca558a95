"""Index expressions: canonical form, and each simplification of floordiv and mod, by z3 for all sizes and by random evaluation."""

from __future__ import annotations

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from flashlight_mlir.expr import Atom, Bounds, Call, Expr, Name, call

I, J, S, T = (Expr.of(n) for n in ("i", "j", "S", "T"))  # noqa: E741
BOUNDS: Bounds = {"i": T, "j": S, "g": Expr.of(8)}
G = Expr.of("g")


def to_z3(e: Expr) -> z3.ArithRef:
    def atom(a: Atom) -> z3.ArithRef:
        if isinstance(a, Name):
            return z3.Int(a.text)
        args = [to_z3(x) for x in a.args]
        match a.fn:
            case "floordiv":
                return args[0] / args[1]  # z3 rounds to -inf for positive divisors, as Python does
            case "mod":
                return args[0] % args[1]
            case "min":
                return z3.If(args[0] <= args[1], args[0], args[1])
            case "max":
                return z3.If(args[0] >= args[1], args[0], args[1])
            case _:
                return z3.Int(str(a))

    total = z3.IntVal(0)
    for monomial, c in e.terms:
        product = z3.IntVal(c)
        for a in monomial:
            product = product * atom(a)
        total = total + product
    return total


def prove(claim: z3.BoolRef) -> None:
    solver = z3.Solver()
    solver.set("timeout", 20_000)
    for n in ("S", "T"):
        solver.add(z3.Int(n) >= 1)
    for d, extent in BOUNDS.items():
        solver.add(z3.Int(d) >= 0, z3.Int(d) < to_z3(extent))
    solver.add(z3.Not(claim))
    assert solver.check() == z3.unsat, solver.check()


@pytest.mark.parametrize(
    ("x", "by", "quotient", "rest"),
    [
        (I * 8 + G, Expr.of(8), "i", "g"),
        (I * 8 + G + 16, Expr.of(8), "i + 2", "g"),
        (I * S + J, S, "i", "j"),
        (J, S, "0", "j"),
        (I * 12 + G, Expr.of(4), "(g floordiv 4) + 3 * i", "g mod 4"),
        (I - J, Expr.of(3), "(i - j) floordiv 3", "(i - j) mod 3"),
        (G + 1, Expr.of(8), "(g + 1) floordiv 8", "(g + 1) mod 8"),
    ],
)
def test_division_rules_hold_for_all_sizes(x: Expr, by: Expr, quotient: str, rest: str) -> None:
    q, r = x.floordiv(by, BOUNDS), x.mod(by, BOUNDS)
    assert (str(q), str(r)) == (quotient, rest)
    if by.constant is not None:
        prove(to_z3(q) == to_z3(x) / by.constant)
        prove(to_z3(r) == to_z3(x) % by.constant)
    else:  # nonlinear: prove what defines quotient and rest
        prove(to_z3(q) * to_z3(by) + to_z3(r) == to_z3(x))
        prove(z3.And(to_z3(r) >= 0, to_z3(r) < to_z3(by)))


@pytest.mark.parametrize(
    ("by", "factor"),
    [(Expr.of(8), Expr.of(1)), (Expr.of(3), Expr.of(-2)), (S, Expr.of(1)), (S, T * 2), (S + T, I), (Expr.of(4), I - J)],
)
def test_quotient_and_remainder_make_the_whole(by: Expr, factor: Expr) -> None:
    """z3: ``x floordiv c`` and ``x mod c`` are any q and r with c q + r = x."""
    for x in (I, I * 5 - J, G + S):
        apart = x.floordiv(by, BOUNDS) * by * factor, x.mod(by, BOUNDS) * factor
        assert apart[0] + apart[1] == x * factor
        assert (apart[0] + J) + (apart[1] - J) == x * factor
        assert apart[0] + apart[1] * 2 != x * factor
    x, c, q, r, f = z3.Ints("x c q r f")
    solver = z3.Solver()
    solver.add(c * q + r == x, f * c * q + f * r != f * x)
    assert solver.check() == z3.unsat


names = st.sampled_from([I, J, S, T, G])
exprs = st.recursive(
    st.one_of(names, st.integers(-9, 9).map(Expr.of)),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
        st.tuples(inner, st.integers(-4, 4)).map(lambda p: p[0] * p[1]),
        st.tuples(inner, st.sampled_from([1, 2, 3, 8])).map(lambda p: p[0].floordiv(p[1], BOUNDS)),
        st.tuples(inner, st.sampled_from([1, 2, 3, 8])).map(lambda p: p[0].mod(p[1], BOUNDS)),
        st.tuples(inner, st.sampled_from([2, 3, 8])).map(lambda p: p[0].floordiv(p[1]) * p[1] + p[0].mod(p[1])),
        st.tuples(inner, inner).map(lambda p: call("min", p)),
        st.tuples(inner, inner).map(lambda p: call("max", p)),
    ),
    max_leaves=8,
)
points = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda s: st.fixed_dictionaries(
        {
            "S": st.just(s[0]),
            "T": st.just(s[1]),
            "i": st.integers(0, s[1] - 1),
            "j": st.integers(0, s[0] - 1),
            "g": st.integers(0, 7),
        }
    )
)


def at(e: Expr, point: dict[str, int]) -> int:
    def value(a: Atom) -> int:
        assert isinstance(a, Name)
        return point[a.text]

    return e.evaluate(value)


@given(exprs, exprs, points, st.sampled_from([1, 2, 3, 5, 8]))
def test_arithmetic_agrees_with_numbers(a: Expr, b: Expr, point: dict[str, int], by: int) -> None:
    x, y = at(a, point), at(b, point)
    assert at(a + b, point) == x + y
    assert at(a - b, point) == x - y
    assert at(a * b, point) == x * y
    assert at(a.floordiv(by, BOUNDS), point) == x // by
    assert at(a.mod(by, BOUNDS), point) == x % by


@given(exprs, points)
def test_proved_bounds_hold(a: Expr, point: dict[str, int]) -> None:
    if a.is_nonnegative(BOUNDS):
        assert at(a, point) >= 0
    if a.is_below(S, BOUNDS):
        assert at(a, point) < point["S"]
    if (top := a.upper(BOUNDS)) is not None:
        assert at(a, point) <= at(top, point)


@given(exprs, exprs, points)
def test_substitution_commutes_with_evaluation(a: Expr, b: Expr, point: dict[str, int]) -> None:
    assert at(a.substitute({"j": b}), point) == at(a, {**point, "j": at(b, point)})


def test_equal_polynomials_are_equal() -> None:
    assert (I + J) * (I - J) == I * I - J * J
    assert hash(I * 2 + J) == hash(J + I + I)
    assert call("min", (S, call("min", (T, S)))) == call("min", (S, T))


def test_division_by_zero_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        I.floordiv(0)


def test_edges_depend_on_their_dim() -> None:
    assert Expr.of(Call("lo", (I,))).names == {"i"}
