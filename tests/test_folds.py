"""What folds: accumulators and units of every program of the table, in any chunks, merged at random; and what does not."""

from __future__ import annotations

import random

import pytest
import torch
from fold_programs import PROGRAMS, SIZES, FoldProgram, module, random_program
from levels import assert_same
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


def native(program: FoldProgram, inputs: list[torch.Tensor], chunks: object) -> tuple[torch.Tensor, torch.Tensor]:
    """The folded program in float32, and the unfolded one in float64."""
    before, after, _ = folded(program)
    small = [x.float() for x in inputs]
    (exact,) = evaluate(before, [x.double() for x in small])
    (found,) = evaluate(after, small, chunks=chunks, native=True)  # type: ignore[arg-type]
    return found.double(), exact


def test_a_chunk_that_is_all_masked_and_scores_far_below() -> None:
    program = FoldProgram("hidden", "s = load X; m = reduce max s j; t = sub s m; p = exp t; l = reduce sum p j; n = div p l;"
                          "v = load V; o = contract n v j", "o[ie]")  # fmt: skip
    s, v = inputs_of(program)
    s[:, :4] = -torch.inf
    s[:, 4:] = -800 - 100 * s[:, 4:].abs()
    for chunks in ("one", 4, *(random.Random(k) for k in range(20))):
        found, exact = native(program, [s, v], chunks)
        assert not found.isnan().any()
        torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["variance", "log-sum-exp", "weighted", "spread of values"])
def test_data_with_an_offset(name: str) -> None:
    program = BY_NAME[name]
    inputs = [x + 1e4 if x.shape[-1] in (17, 3) else x for x in inputs_of(program)]
    for chunks in ("one", 3, *(random.Random(k) for k in range(10))):
        found, exact = native(program, inputs, chunks)
        torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-3)


def test_a_row_without_anything_is_as_in_the_program() -> None:
    for name in ("weighted", "guarded rows", "largest p", "rows"):
        program = BY_NAME[name]
        before, after, _ = folded(program)
        inputs = inputs_of(program)
        inputs[0][0] = torch.nan if name == "weighted" else -torch.inf
        if name == "guarded rows":
            inputs[1][0] = 0
        expected, found = evaluate(before, inputs)[0], evaluate(after, inputs, chunks="one")[0]
        assert torch.equal(expected.isnan(), found.isnan()), name


@pytest.mark.parametrize("passes", [["separate"], ["fold"], ["separate", "fold"]], ids="+".join)
@pytest.mark.parametrize("program", [p for p in FOLDING if "load X" in p.body and "t t" not in p.body], ids=lambda p: p.name)
def test_rows_that_are_masked_everywhere(program: FoldProgram, passes: list[str]) -> None:
    """NaN and infinities stand where the program has them, after each pass (``t - t`` is 0 for finite inputs only)."""
    before = parse(module(program.body, program.out))
    after = before.clone()
    run_passes(after, passes)
    inputs = inputs_of(program)
    inputs[0][0] = -torch.inf
    expected, found = evaluate(before, inputs), evaluate(after, inputs, chunks="one")
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int) -> None:
    program = FoldProgram("random", random_program(seed), "o[i]")
    before, after, _ = folded(program)
    inputs = [x * 0.5 for x in inputs_of(program, seed)]
    expected = evaluate(before, inputs)[0]
    for chunks in (None, 3, random.Random(seed)):
        found = evaluate(after, inputs, chunks=chunks)[0]
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9, equal_nan=True)
