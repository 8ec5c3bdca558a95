"""Is ``sum_j f(x_j, r)`` foldable? Asked of numbers, not of laws: f is sampled, and its rank counted.

Functions are written as bodies of ``fold_programs``: ``x`` and ``y`` vary over j; ``m``, ``a``, ``l > 0`` are earlier results
over j. For the oracle those are independent variables, which is all that a law may know of them.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import torch
from fold_programs import module

from flashlight_mlir.diagnostics import collect
from flashlight_mlir.driver import parse, run_passes
from flashlight_mlir.interpreters.pointwise import TABLE
from flashlight_mlir.passes import laws

VARYING, RESULTS = ("x", "y"), ("m", "a", "l")
RANGES = ((1, 32), (4, 64), (12, 128))
"""Half-widths and numbers of samples; on [-1, 1] alone everything smooth looks like low rank."""
SMALL = 12
"""No function of the table that folds has a larger rank; one that does not has at least that on the widest range."""
GIVEN = "x = load X; y = load Y; m = reduce max x j; a = reduce sum y j; u0 = sub x m; e0 = exp u0; l = reduce sum e0 j"


def values(body: str, env: dict[str, torch.Tensor]) -> torch.Tensor:
    """The last line's value."""
    env = dict(env)
    name = ""
    for line in body.split(";"):
        name, rest = (part.strip() for part in line.split("="))
        op, *args = rest.split()
        found = [env[t] if t in env else torch.tensor(float(t), dtype=torch.float64) for t in args]
        env[name] = TABLE[op](*found)
    return env[name]


def sampled(body: str, width: float, count: int, seed: int = 0) -> torch.Tensor:
    """``F[a, b] = f(x_a, r_b)``."""
    g = torch.Generator().manual_seed(seed)

    def line(lo: float, hi: float) -> torch.Tensor:
        return lo + (hi - lo) * torch.rand(count, generator=g, dtype=torch.float64)

    env = {name: line(-width, width)[:, None] for name in VARYING} | {name: line(-width, width)[None] for name in RESULTS}
    env["l"] = line(0.1, 1 + width)[None]
    return values(body, env).double().expand(count, count)


def rank(f: torch.Tensor) -> int:
    """The numerical rank; rows and columns are scaled first, which changes no rank but lets small ones count."""
    for _ in range(3):
        for axis in (0, 1):
            f = f / f.abs().amax(axis, keepdim=True).clamp(min=1e-300)
    return int((torch.linalg.svdvals(f) > 1e-9 * len(f)).sum())


def ranks(body: str) -> list[int] | None:
    """The rank over growing ranges; None where f isn't finite."""
    tables = [sampled(body, width, count) for width, count in RANGES]
    return [rank(f) for f in tables] if all(f.isfinite().all() for f in tables) else None


def separates(body: str, kind: str = "sum") -> tuple[bool, str]:
    """Do the laws separate it in exact arithmetic, and what the compiler says if not."""
    names = [line.split("=")[0].strip() for line in body.split(";")]
    program = parse(module(f"{GIVEN}; {body}; out = reduce {kind} {names[-1]} j", "out[i]"))
    with collect() as remarks:
        run_passes(program, ["separate"])
    refusals = [r.text for r in remarks if r.refused]
    return not refusals, "; ".join(refusals)


@contextmanager
def exactly() -> Generator[None]:
    """Rows that can cancel are used beside any factor, so that only the algebra decides."""
    before, laws.LAWS = laws.LAWS, tuple(replace(law, can_cancel=False) for law in laws.LAWS)
    try:
        yield
    finally:
        laws.LAWS = before


def crosses(body: str) -> bool:
    """Two x are ordered one way by one r and the other way by another, so that no ``phi_r(a(x))`` is monotone in a."""
    f = sampled(body, 4, 60)
    above = (f[:, None] > f[None] + 1e-9 * f.abs().max()).any(-1)
    return bool((above & above.T).any())


def random_function(seed: int) -> str:
    """A body of random ops: what the normal form knows, and a few that it can only pass by; each uses the one before."""
    rng = random.Random(seed)
    lines, pool, last = [f"z = sub {rng.choice(VARYING)} {rng.choice(RESULTS)}"], [*VARYING, *RESULTS], "z"
    for k in range(rng.randint(1, 4)):
        name, b = f"z{k}", rng.choice(pool)
        op = rng.choice(("sub", "add", "mul", "mul", "div", "exp", "exp", "square", "select", "neg", "abs", "tanh", "scale"))
        match op:
            case "exp":
                lines.append(f"t{k} = mul {last} 0.25; {name} = exp t{k}")
            case "square":
                lines.append(f"{name} = mul {last} {last}")
            case "scale":
                lines.append(f"{name} = mul {last} {rng.choice(('2.0', '-0.5'))}")
            case "div":
                lines.append(f"{name} = div {last} l")
            case "select":
                lines.append(f"k{k} = gt {rng.choice((*VARYING, 'm', 'a'))} 0.0; {name} = select k{k} {last} {b}")
            case "neg" | "abs" | "tanh":
                lines.append(f"{name} = {op} {last}")
            case _:
                lines.append(f"{name} = {op} {last} {b}")
        pool.append(name)
        last = name
    return "; ".join(lines)
