"""Every side condition of every row is needed: without it the row is false, goes in circles, or folds less or something else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from fold_programs import module
from rank_oracle import GIVEN
from test_laws import TEXTS, holds
from test_rank_oracle import FOLD, REFUSED
from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.analysis.patterns import Law
from flashlight_mlir.diagnostics import CompileError, collect
from flashlight_mlir.driver import parse, run_passes
from flashlight_mlir.passes import laws
from flashlight_mlir.passes.laws import LAWS

MORE = (
    "t = sub x m; z = pow -3.0 t",  # has no logarithm
    "t = sub x m; c = cast t i32; z = cast c f32",  # is no x - m
    "g = log l; h = mul g y; s = add x h; z = exp s",  # l ** y
    "t = sub x m; c = add t y; z = sin c",
    "t = sub x m; c = add t y; z = cos c",
    "h = div x m; z = sub h a",
    "k = gt x 0.0; t = add m y; h = select k t -inf; z = exp h",
    "k = gt x 0.0; t = mul x m; z = select k -inf t",
    "k = gt x 0.0; t = mul x m; z = select k t -inf",
    "k = gt x 0.0; t = mul x m; u = select k -inf t; z = sub u u",
    "v = load V; c = sub x a; z = contract v c j",
)  # fmt: skip
CONDITIONS = [(law.name, condition) for law in LAWS for condition in law.where]
Effect = tuple[int, int, tuple[str, ...]] | str


def spelled(body: str) -> str:
    last = body.split(";")[-1].split("=")[0].strip()
    if "contract" in body:
        return module(f"{GIVEN}; {body}", f"{last}[ie]")
    return module(f"{GIVEN}; {body}; out = reduce sum {last} j", "out[i]")


@cache
def modules() -> list[ModuleOp]:
    return [parse(text) for text in (*TEXTS, *map(spelled, (*FOLD.values(), *REFUSED.values(), *MORE)))]


def effect(program: ModuleOp) -> Effect:
    """How many ops and reductions there are once all is separated, and what was refused."""
    after = program.clone()
    try:
        with collect() as remarks:
            run_passes(after, ["separate"])
    except (CompileError, ValueError, AssertionError) as error:
        return str(error)
    names = [op.name for op in after.walk()]
    return len(names), sum(n in ("loop.reduce", "loop.contract") for n in names), tuple(sorted(r.text for r in remarks))


@cache
def effects() -> list[Effect]:
    return [effect(program) for program in modules()]


@pytest.mark.parametrize(("name", "condition"), CONDITIONS, ids=lambda x: x)
def test_it_is_needed(name: str, condition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (law,) = (law for law in LAWS if law.name == name)
    without: Law = replace(law, where=tuple(c for c in law.where if c != condition))
    expected = effects()
    if holds(without):
        monkeypatch.setattr(laws, "LAWS", tuple(without if law.name == name else law for law in LAWS))
        assert any(effect(program) != before for program, before in zip(modules(), expected, strict=True))
