"""What folds: accumulators and units of every program of the table, in any chunks, merged at random; and what does not."""

from __future__ import annotations

import random

import pytest
import torch
from fold_programs import PROGRAMS, SIZES, FoldProgram, module
from levels import assert_same, random_inputs
from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.diagnostics import Remark, collect
from flashlight_mlir.dialects.loop import FoldOp
from flashlight_mlir.driver import parse, run_passes
from flashlight_mlir.interpreters import evaluate

BY_NAME = {p.name: p for p in PROGRAMS}
FOLDING = [p for p in PROGRAMS if not p.reason]
REFUSED = [p for p in PROGRAMS if p.reason]


def folded(program: FoldProgram) -> tuple[ModuleOp, ModuleOp, list[Remark]]:
    before = parse(module(program.body, program.out))
    after = before.clone()
    with collect() as remarks:
        run_passes(after, ["separate", "fold"])
    after.verify()
    return before, after, remarks


def inputs_of(program: FoldProgram, seed: int = 0, offset: float = 0.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    func = next(op for op in parse(module(program.body, program.out)).walk() if op.name == "func.func")
    sizes = [[SIZES.get(str(e)) or int(str(e)) for e in t.shape] for t in func.function_type.inputs]  # type: ignore[attr-defined]
    return [torch.randn(s, generator=generator, dtype=torch.float64) + offset for s in sizes]


def folds(module: ModuleOp) -> list[FoldOp]:
    return [op for op in module.walk() if isinstance(op, FoldOp)]


@pytest.mark.parametrize("program", FOLDING, ids=lambda p: p.name)
def test_accumulators(program: FoldProgram) -> None:
    _, after, remarks = folded(program)
    assert not remarks
    found = folds(after)
    assert len(found) == program.folds
    assert len(found[0].init) == program.accumulators


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_any_chunks_any_merges(program: FoldProgram) -> None:
    before, after, _ = folded(program)
    for seed in range(3):
        inputs = inputs_of(program, seed)
        expected = evaluate(before, inputs)
        for chunks in (None, "one", 3, *(random.Random(k) for k in range(5))):
            assert_same(evaluate(after, inputs, chunks=chunks), expected)


@pytest.mark.parametrize("program", REFUSED, ids=lambda p: p.name)
def test_refusals_say_why(program: FoldProgram) -> None:
    _, after, remarks = folded(program)
    assert any(program.reason in r.text and r.refused for r in remarks), remarks
    assert len(folds(after)) == program.folds
