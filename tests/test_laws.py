"""Every law, alone: true on its domain, each side condition needed, the order falls, and the compiler reads it."""

from __future__ import annotations

from collections.abc import Callable
from math import comb, inf

import pytest
import torch
from fold_programs import PROGRAMS, SINGLE, module
from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.analysis.patterns import Law, Pattern, parse
from flashlight_mlir.diagnostics import collect, render
from flashlight_mlir.driver import parse as parse_module
from flashlight_mlir.driver import run_passes
from flashlight_mlir.passes import laws
from flashlight_mlir.passes.laws import LAWS

ROWS = {law.name: law for law in LAWS}
N = 7
Value = torch.Tensor

PHI: dict[str, list[Callable[[Value], Value]]] = {
    "increasing": [torch.exp, torch.tanh, torch.floor, lambda x: x + 3],
    "decreasing": [torch.neg, lambda x: 2 - x],
    "any": [torch.sin],
}


def conditions(law: Law) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for text in law.where:
        name, args = text[:-1].split("(")
        for letter in args.split(","):
            found.setdefault(letter.strip(), set()).add(name)
    return found


def sample(law: Law, seed: int) -> dict[str, object]:
    """Values for the letters: a number where the term is free of j, else a vector over j."""
    torch.manual_seed(seed)
    env: dict[str, object] = {}
    where = conditions(law)
    for letter in {p.data for p in walk(parse(law.left)) + walk(parse(law.right)) if p.op == "letter"}:
        has = where.get(str(letter), set())
        free = bool(has & {"free", "neutral"})
        x = torch.randn(() if free else (N,), dtype=torch.float64)
        if letter == "k":
            x = x > 0
        elif letter == "l" and "lowest" in has:
            x = torch.tensor(-inf, dtype=torch.float64)
        elif has & {"positive", "nonnegative"}:
            x = x.abs() + 0.1
        elif "even" in has:
            x = torch.tensor(2.0 + 2 * (seed % 2), dtype=torch.float64)
        elif has & {"natural", "several", "number", "fractional", "splits"} and letter in ("n", "p"):
            x = torch.tensor({"fractional": -1.5}.get(next(iter(has)), 2.0 + seed % 2), dtype=torch.float64)
        elif letter in ("n", "p"):
            x = torch.tensor((2.0, 3.0, 0.5, -1.5)[seed % 4], dtype=torch.float64)
        env[str(letter)] = x
    env["phi"] = PHI["increasing" if "increasing" in where.get("phi", ()) else
                     "decreasing" if "decreasing" in where.get("phi", ()) else "any"]  # fmt: skip
    return env


def walk(p: Pattern) -> list[Pattern]:
    return [p, *(q for a in p.args for q in walk(a))]


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "+": lambda *a: sum(a[1:], a[0]), "*": lambda *a: torch.stack(torch.broadcast_tensors(*a)).prod(0),
    "**": torch.pow, "sub": torch.sub, "neg": torch.neg, "div": torch.div, "recip": torch.reciprocal, "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt, "pow": torch.pow, "exp2": torch.exp2, "log2": torch.log2, "add": torch.add, "mul": torch.mul,
    "cast": lambda a: a, "log": torch.log, "exp": torch.exp, "sin": torch.sin, "cos": torch.cos, "abs": torch.abs, "select": torch.where,
    "indicator": lambda k: k.double(), "not": torch.logical_not,
    "mean": lambda a: a.expand(N).mean(), "contract": lambda f, g: (f * g).expand(N).sum(),
    "moments": lambda a, b, n, y: sum(comb(int(n), k) * b ** (int(n) - k) * (a**k * y).expand(N).sum() for k in range(int(n) + 1)),
}  # fmt: skip
FUNCTIONS |= {"sum": lambda f: f.expand(N).sum(), "max": lambda f: f.expand(N).max(), "min": lambda f: f.expand(N).min()}


def evaluate(p: Pattern, env: dict[str, object], phi: Callable[[Value], Value]) -> Value:
    if p.op == "letter":
        return env[str(p.data)]  # type: ignore[return-value]
    if p.op == "number":
        return torch.tensor(p.data, dtype=torch.float64)
    args = [evaluate(a, env, phi) for a in p.args]
    return phi(args[0]) if p.op == "phi" else FUNCTIONS[p.op](*args)


def holds(law: Law, left: Law | None = None) -> bool:
    """Both sides agree on random values of the domain that ``law`` states."""
    for seed in range(40):
        env = sample(law, seed)
        for phi in env["phi"]:  # type: ignore[attr-defined]
            a, b = (evaluate(parse(side), env, phi) for side in (law.left, law.right))
            scale = max(1.0, float(a.nan_to_num(0, 0, 0).abs().max()))
            if not torch.allclose(*torch.broadcast_tensors(a, b), rtol=1e-9, atol=1e-11 * scale, equal_nan=True):
                return False
    return True


@pytest.mark.parametrize("name", ROWS)
def test_is_true_on_its_domain(name: str) -> None:
    assert holds(ROWS[name])


POLYNOMIAL = {"+", "*", "**", "sub", "neg", "add", "mul", "cast", "select", "indicator", "not", "sum", "contract", "abs",
              "max", "min", "letter", "number"}  # fmt: skip
DECIDED = [
    n for n, law in ROWS.items() if {p.op for p in walk(parse(law.left)) + walk(parse(law.right))} <= POLYNOMIAL and n != "N1"
]


@pytest.mark.parametrize("name", DECIDED)
def test_is_proved(name: str) -> None:
    """By z3, over three elements of j; powers are squares."""
    z3 = pytest.importorskip("z3")
    law, where = ROWS[name], conditions(ROWS[name])

    def letter(x: str) -> list[object]:
        if x in ("n", "p"):
            return [2] * 3
        kind = z3.Bool if x == "k" else z3.Real
        free = where.get(x, set()) & {"free", "neutral"}
        return [kind(x if free else f"{x}{j}") for j in range(3)]

    def value(p: Pattern) -> list[object]:
        if p.op in ("letter", "number"):
            return (
                letter(str(p.data)) if p.op == "letter" else [int(p.data) if float(p.data).is_integer() else z3.RealVal(p.data)] * 3
            )
        args = [value(a) for a in p.args]
        if p.op in ("sum", "contract"):
            parts = args[0] if p.op == "sum" else [f * g for f, g in zip(*args, strict=True)]
            return [z3.Sum(parts)] * 3
        if p.op in ("max", "min"):
            best = args[0][0]
            for x in args[0][1:]:
                best = z3.If(x > best if p.op == "max" else x < best, x, best)
            return [best] * 3
        return [scalar(p.op, *xs) for xs in zip(*args, strict=True)]

    def scalar(op: str, *xs: object) -> object:
        match op:
            case "+" | "add":
                return sum(xs[1:], xs[0])  # type: ignore[call-overload]
            case "*" | "mul":
                total = xs[0]
                for x in xs[1:]:
                    total = total * x  # type: ignore[operator]
                return total
            case "**":
                return 1 if xs[1] == 0 else xs[0] if isinstance(xs[1], int) and xs[1] == 1 else xs[0] * xs[0]  # type: ignore[operator]
            case "sub":
                return xs[0] - xs[1]  # type: ignore[operator]
            case "neg":
                return -xs[0]  # type: ignore[operator]
            case "abs":
                return z3.If(xs[0] < 0, -xs[0], xs[0])  # type: ignore[operator]
            case "select":
                return z3.If(*xs)
            case "indicator":
                return z3.If(xs[0], z3.RealVal(1), z3.RealVal(0))
            case "not":
                return z3.Not(xs[0])
        return xs[0]

    solver = z3.Solver()
    solver.set("timeout", 20000)
    for x, has in where.items():
        if "positive" in has:
            solver.add(*(v > 0 for v in letter(x)))
        if "nonnegative" in has:
            solver.add(*(v >= 0 for v in letter(x)))
    pairs = zip(value(parse(law.left)), value(parse(law.right)), strict=True)
    solver.add(z3.Or(*(a != b for a, b in pairs)))
    assert solver.check() == z3.unsat


NEEDED = [
    ("D1", "free(c)"), ("D1-left", "free(c)"), ("D1-right", "free(c)"), ("D3-max", "free(k)"),
    ("log-power", "positive(a)"), ("abs-positive", "nonnegative(a)"), ("abs-even", "even(n)"),
    ("N1", "lowest(l)"), ("D4-max-up", "increasing(phi)"), ("D4-max-down", "decreasing(phi)"),
    ("D4-min-up", "increasing(phi)"), ("D4-min-down", "decreasing(phi)"), ("S2", "free(u)"), ("S2-exp", "free(u)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "condition"), NEEDED, ids=lambda x: x)
def test_without_a_side_condition_it_is_false(name: str, condition: str) -> None:
    law = ROWS[name]
    assert condition in law.where
    assert not holds(Law(name, law.left, law.right, tuple(c for c in law.where if c != condition)))


def test_the_log_of_a_product_wants_signs() -> None:
    assert not holds(Law("S4", ROWS["S4"].left, ROWS["S4"].right))


FALSE = [
    Law("log", "log(a * b)", "log(a) * log(b)", ("positive(a)", "positive(b)")),
    Law("hoist", "sum(c * f)", "c + sum(f)", ("free(c)",)),
    Law("max", "max(phi(f))", "phi(max(f))", ("decreasing(phi)",)),
    Law("D3", "select(k, f, g)", "indicator(k) * f + g"),
    Law("S1", "exp(w + u)", "exp(w) + exp(u)", ("blind(w)", "free(u)")),
]


@pytest.mark.parametrize("law", FALSE, ids=lambda law: law.name)
def test_a_false_row_is_caught(law: Law) -> None:
    assert not holds(law)


TEXTS = [module(p.body, p.out) for p in PROGRAMS] + [
    module(body, "o[ie]" if "contract" in body else "o[i]") for body in SINGLE.values()
]


def outcome(modules: list[ModuleOp]) -> list[str]:
    """What the compiler makes of the programs, remarks included."""
    found = []
    for each in modules:
        after = each.clone()
        with collect() as remarks:
            run_passes(after, ["separate"])
        found.append(str(after) + "".join(map(render, remarks)))
    return found


@pytest.fixture(scope="module")
def compiled() -> tuple[list[ModuleOp], list[str]]:
    modules = [parse_module(text) for text in TEXTS]
    return modules, outcome(modules)


@pytest.mark.parametrize("name", ROWS)
def test_the_compiler_reads_it(name: str, compiled: tuple[list[ModuleOp], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    modules, before = compiled
    monkeypatch.setattr(laws, "LAWS", tuple(law for law in LAWS if law.name != name))
    assert outcome(modules) != before


def test_a_falsified_row_changes_what_is_computed(
    compiled: tuple[list[ModuleOp], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    modules, before = compiled
    wrong = Law("D1", "sum(c * f)", "c * c * sum(f)", ("free(c)",))
    monkeypatch.setattr(laws, "LAWS", tuple(wrong if law.name == "D1" else law for law in LAWS))
    assert outcome(modules) != before
