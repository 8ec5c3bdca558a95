"""The order that every law lowers, so that rewriting ends.

A term that mixes what the loop knows (x) with what it does not (r) weighs more than its parts; one that does not mix, or
is a unit (``w - max(w)``) or an exponential or power of one, weighs ``LEAF``. Weights are monotone in every operand, so a
row that falls for all weights of its letters falls wherever it is applied. A letter weighs one of ``MIXED``.
"""

from __future__ import annotations

import itertools

from flashlight_mlir.analysis.patterns import REDUCTIONS, Law, Pattern, parse

LEAF = 3
MIXED = (4, 5, 8)
Weights = dict[str, int]
SIDES = {"free": "r", "blind": "x", "neutral": "", "known": "x", "summed": "x", "number": "", "natural": "", "several": "",
         "fractional": "", "lowest": ""}  # fmt: skip


def sides(p: Pattern, seen: dict[str, str]) -> str:
    """Whether a pattern depends on x, on r, on both."""
    if p.op == "letter":
        return seen.get(str(p.data), "xr")
    below = "".join(sides(a, seen) for a in p.args)
    return "r" if p.op in (*REDUCTIONS, "mean", "contract") and len(p.args) < 3 else below


def is_unit(p: Pattern) -> bool:
    """``w - max(w)``, its exponential, its powers, and products of those."""
    if p.op in ("exp", "**"):
        return is_unit(p.args[0])
    if p.op != "+" or len(p.args) != 2:
        return False
    w, g = p.args
    return g.op == "*" and g.args[0].data == -1 and g.args[1].op in ("max", "mean") and g.args[1].args == (w,)


def weight(p: Pattern, letters: Weights, seen: dict[str, str]) -> int:
    inside = [weight(a, letters, seen) for a in p.args]
    arity = len(p.args)
    reduces = p.op in (*REDUCTIONS, "contract") and arity < 3
    both = sides(p, seen)
    if p.op == "letter":
        return letters.get(str(p.data), LEAF) if "x" in both and "r" in both else LEAF
    if is_unit(p) or (not reduces and not ("x" in both and "r" in both)):
        return LEAF
    if reduces:
        below = "".join(sides(a, seen) for a in p.args)
        if "r" not in below or is_unit(p.args[0]):
            return LEAF
        product = 1
        for n in inside:
            product *= n
        return product**4
    match p.op:
        case "+":
            return sum(inside) + 1
        case "*":
            product = 1
            for n in inside:
                product *= n
            return product
        case "**" | "pow":
            count = p.args[1]
            n = max(1, abs(int(letters.get(str(count.data), 2)))) if count.op == "letter" else 1
            if count.op == "+":  # n - 1
                n = letters.get(str(count.args[0].data), 2) - 1
            return 2 ** (n * inside[0]) * (1 if p.op == "**" else 2)
        case "div" | "recip" | "sqrt" | "rsqrt":
            return 2 ** sum(inside) * 4
        case "abs":
            return 2 ** inside[0]
        case "exp2" | "log2":
            return (4 * inside[0]) ** 3
        case "moments":
            return LEAF**4 * 4
        case _:
            return sum(inside) ** 3 * (4 if p.op in ("sub", "neg") else 1)


def falls(law: Law) -> bool:
    """The right side weighs less than the left for every choice of weights."""
    left, right = parse(law.left), parse(law.right)
    seen: dict[str, str] = {}
    for text in law.where:
        name, args = text[:-1].split("(")
        if name in SIDES and "," not in args:
            seen[args] = SIDES[name]
    letters = sorted({str(p.data) for p in _walk(left) if p.op == "letter"})
    choices = [(2, 3) if x in ("n", "p") else MIXED for x in letters]
    return all(
        weight(right, env, seen) < weight(left, env, seen)
        for values in itertools.product(*choices)
        for env in [dict(zip(letters, values, strict=True))]
    )


def _walk(p: Pattern) -> list[Pattern]:
    return [p, *(q for a in p.args for q in _walk(a))]
