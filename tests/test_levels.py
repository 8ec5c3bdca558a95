"""Before = after: every FileCheck input and every program, through every small pass of fuse and tile."""

from __future__ import annotations

import random

import pytest
from levels import assert_same, functions, modules, random_inputs
from programs import Program, programs
from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.dialects.loop import FoldOp, KernelOp
from flashlight_mlir.driver import context, parse, pass_class, run_passes
from flashlight_mlir.interpreters import evaluate
from flashlight_mlir.passes.pipelines import PIPELINES, flatten

SMALL = tuple(dict.fromkeys(p for stage in ("fuse", "tile") if stage in PIPELINES for p in flatten(stage)))
FILES = dict(modules())


def applied(module: ModuleOp, name: str) -> ModuleOp | None:
    """The module after a pass, verified; None if the pass changes nothing, or rejects the module with an error of its own."""
    after = module.clone()
    try:
        pass_class(name)().apply(context(), after)
    except (ValueError, NotImplementedError):
        return None
    after.verify()
    return None if str(after) == str(module) else after


@pytest.mark.parametrize("name", FILES)
def test_each_pass_keeps_what_a_file_means(name: str) -> None:
    module = parse(FILES[name])
    for func in functions(module):
        label = func.sym_name.data
        for seed in range(2):
            inputs = random_inputs(func, seed)
            try:
                before = evaluate(module, inputs, function=label)
            except (ValueError, IndexError):
                continue  # these sizes break a promise that the file makes
            for each in SMALL:
                after = applied(module, each)
                if after is not None:
                    assert_same(evaluate(after, inputs, function=label), before)


@pytest.mark.parametrize("name", FILES)
def test_a_file_means_the_same_in_any_chunks(name: str) -> None:
    module = parse(FILES[name])
    if not any(isinstance(op, FoldOp) for op in module.walk()):
        pytest.skip("no fold")
    for func in functions(module):
        if any(isinstance(op, KernelOp) and op.schedule for op in func.walk()):
            continue  # the schedule says the chunks
        label, inputs = func.sym_name.data, random_inputs(func, 3)
        try:
            whole = evaluate(module, inputs, function=label)
        except (ValueError, IndexError):
            continue
        for chunks in ("one", 3, *(random.Random(seed) for seed in range(4))):
            assert_same(evaluate(module, inputs, function=label, chunks=chunks), whole)


@pytest.mark.parametrize("program", programs(), ids=lambda p: p.name)
def test_each_pass_keeps_what_a_program_means(program: Program) -> None:
    from flashlight_mlir.frontend.fx import import_function

    inputs = program.inputs()
    imported = import_function(program.function, inputs)
    module, tensors = imported.module, imported.flatten(*inputs)
    before = evaluate(module, tensors)
    for stage in ("fuse", "tile"):
        for each in flatten(stage):
            run_passes(module, [each])
            assert_same(evaluate(module, tensors), before)
            if any(isinstance(op, FoldOp) for op in module.walk()) and stage == "fuse":
                for chunks in ("one", *(random.Random(seed) for seed in range(3))):
                    assert_same(evaluate(module, tensors, chunks=chunks), before)
