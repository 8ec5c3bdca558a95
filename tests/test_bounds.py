"""Claim: every load and store of a printed kernel is inside its tensor, and every 32-bit index fits (``bounds.py``), for all sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import z3
from bounds import Bounds
from levels import modules
from programs import programs
from test_odd_tiles import PROGRAMS as ODD_TILES
from tiled import attention
from torch.export import Dim
from xdsl.dialects.builtin import IndexType, ModuleOp, i64

import flashlight_mlir
from flashlight_mlir.diagnostics import collect
from flashlight_mlir.dialects import block as blk
from flashlight_mlir.dialects.expr import expr_array
from flashlight_mlir.dialects.pointwise import OPS
from flashlight_mlir.driver import parse, run_passes
from flashlight_mlir.expr import Expr

EXAMPLES = {p.name: p for p in programs()}
HEAD_DIMS = (16, 32)
IR = {name: text for name, text in modules() if "block.kernel" not in text}
Guards = Sequence[tuple[Expr, Expr]]


def relative_bias(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, table: torch.Tensor, bucket: torch.Tensor) -> torch.Tensor:
    return torch.softmax(q @ k.mT + table[bucket], -1) @ v


GATHERS: dict[str, tuple[Callable[..., Any], Callable[[], tuple[torch.Tensor, ...]]]] = {
    "rows": (lambda x, at: x[at].exp().sum(-1), lambda: (torch.randn(5, 16), torch.tensor([4, -5, 0, -1, 3, 2, 1]))),
    "elements": (
        lambda x, at, to: x[at, to].exp().sum(-1),
        lambda: (torch.randn(5, 7), *torch.tensor([[[4, -5, 0]], [[-7, 6, 2]]])),
    ),
    "columns": (lambda x, at: x.gather(1, at).exp().sum(-1), lambda: (torch.randn(5, 7), torch.randint(0, 7, (5, 3)))),
    "bias": (relative_bias, lambda: (*(torch.randn(9, 16) for _ in range(3)), torch.randn(5), torch.randint(-5, 5, (9, 9)))),
}


def symbolic(f: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> tuple[ModuleOp, Guards]:
    """The lowered program with every size a symbol, head dims apart, and the equations that a call has to satisfy."""
    shapes = [{k: Dim.AUTO for k, n in enumerate(x.shape) if n > 1 and n not in HEAD_DIMS} or None for x in inputs]
    program = flashlight_mlir.compile(f, *inputs, dynamic_shapes=tuple(shapes))
    return parse(program.ir["lower"]), program._imported.relations  # pyright: ignore[reportPrivateUsage]: no one else wants them


def lower(text: str) -> ModuleOp:
    module = parse(text)
    with collect():
        run_passes(module, ["fuse", "tile", "lower"])
    return module


def kernels(module: ModuleOp) -> list[blk.KernelOp]:
    return [op for op in module.walk() if isinstance(op, blk.KernelOp)]


def unproved(module: ModuleOp, guards: Guards = ()) -> tuple[list[str], int]:
    """What z3 does not prove of a lowered module, and how much it proves."""
    failed: list[str] = []
    proved = 0
    for kernel in kernels(module):
        proofs = Bounds(kernel, guards), Bounds(kernel, guards, narrow=True)
        proofs[0].accesses()
        proofs[1].integers()
        failed += [str(u) for p in proofs for u in p.unproved]
        proved += sum(p.proved for p in proofs)
    return failed, proved


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_at_all_sizes(name: str) -> None:
    module, guards = symbolic(EXAMPLES[name].function, EXAMPLES[name].inputs())
    failed, proved = unproved(module, guards)
    assert not failed
    assert proved > 4
    assert len({s for k in kernels(module) for s in Bounds(k).symbols}) > 1


@pytest.mark.parametrize("name", IR)
def test_files(name: str) -> None:
    module = lower(IR[name])
    if not kernels(module):
        pytest.skip("no kernel")
    assert unproved(module)[0] == []


@pytest.mark.parametrize("text", [*ODD_TILES.values(), attention(causal=True, group=2), attention(d=72)])
def test_tiled_kernels(text: str) -> None:
    module = parse(text)
    run_passes(module, ["lower"])
    failed, proved = unproved(module)
    assert not failed
    assert proved > 1


@pytest.mark.parametrize("name", GATHERS)
def test_gathers_whatever_the_index(name: str) -> None:
    f, inputs = GATHERS[name]
    module, guards = symbolic(f, inputs())
    assert any(isinstance(op, blk.LoadOp) and op.mask for op in module.walk())
    assert unproved(module, guards)[0] == []


@pytest.mark.parametrize("name", GATHERS)
def test_gathers_as_torch(name: str) -> None:
    f, inputs = GATHERS[name]
    args = inputs()
    program = flashlight_mlir.compile(f, *args)
    assert program.kernels
    torch.testing.assert_close(program.evaluate(*args, stage="lower"), f(*args), rtol=1e-5, atol=1e-5)


def test_an_index_out_of_range_reads_zero() -> None:
    """Where torch's own kernels stop the program, ours read nothing."""
    x, at = torch.randn(5, 16), torch.tensor([0, 5, -1, -6, 2**40, -(2**40), 4])
    program = flashlight_mlir.compile(lambda x, at: x[at].amax(-1), x, torch.zeros_like(at))
    expected = torch.zeros(7)
    expected[[0, 2, 6]] = x[[0, -1, 4]].amax(-1)
    assert torch.equal(program.evaluate(x, at, stage="lower"), expected)


def test_a_grid_is_decoded() -> None:
    """``Bounds.coordinate``: 0 <= p < n · rest gives p mod n < n and p floordiv n < rest."""
    p, n, rest, q, r = z3.Ints("p n rest q r")
    solver = z3.Solver()
    solver.add(p >= 0, p < n * rest, n >= 1, p == q * n + r, r >= 0, r < n)
    solver.add(z3.Not(z3.And(q >= 0, q < rest, q <= p, r <= p)))
    assert solver.check() == z3.unsat


def drop_mask(op: blk.LoadOp | blk.StoreOp) -> None:
    scalars, lanes = list(op.scalars), op.lanes_of
    if isinstance(op, blk.LoadOp):
        new = blk.LoadOp(op.source, scalars, lanes, None, op.result.type)
        op.result.replace_all_uses_with(new.result)
    else:
        new = blk.StoreOp(op.value, op.number.value.data, scalars, lanes, None)
    assert op.parent
    op.parent.insert_op_before(new, op)
    op.detach()
    op.erase()


def loosen(op: Any) -> None:
    """``<`` becomes ``<=``."""
    new = OPS["le"](operands=[list(op.args)], result_types=[op.result.type])
    op.parent.insert_op_before(new, op)
    op.result.replace_all_uses_with(new.result)
    op.detach()
    op.erase()


def accesses(module: ModuleOp) -> list[blk.LoadOp | blk.StoreOp]:
    return [op for op in module.walk() if isinstance(op, blk.LoadOp | blk.StoreOp)]


@pytest.mark.parametrize("name", ["full", "causal", "variance"])
def test_a_wrong_kernel_is_not_proved(name: str) -> None:
    """Each predicate is needed, each comparison is exact, one program more is one too many."""
    module, guards = symbolic(EXAMPLES[name].function, EXAMPLES[name].inputs())
    assert unproved(module, guards)[0] == []
    count = 0
    for k in [k for k, op in enumerate(accesses(module)) if op.mask]:
        wrong = module.clone()
        drop_mask(accesses(wrong)[k])
        assert unproved(wrong, guards)[0], f"without the predicate of access {k}"
        count += 1
    bounds = [k for k, op in enumerate(module.walk()) if op.name == "pointwise.lt" and op.operands[0].type != op.operands[1].type]
    for k in bounds:
        wrong = module.clone()
        loosen(list(wrong.walk())[k])
        assert unproved(wrong, guards)[0], f"with <= for < in op {k}"
        count += 1
    if kernels(module)[0].grid[0].name:  # the slowest dim, tiles of one: no predicate stops a program too many
        wrong = module.clone()
        (kernel,) = kernels(wrong)
        kernel.programs = expr_array([kernel.grid[0] + 1, *kernel.grid[1:]])
        assert unproved(wrong, guards)[0], "with one program more"
        count += 1
    assert count >= 4


def test_an_unchecked_index_is_not_proved() -> None:
    f, inputs = GATHERS["rows"]
    module, guards = symbolic(f, inputs())
    (gather,) = [
        op
        for op in accesses(module)
        if op.lanes and isinstance(op.lanes[0].owner, blk.ExpandOp) and op.mask and len(op.scalars) == 2
    ]
    drop_mask(gather)
    assert unproved(module, guards)[0]


def test_a_product_of_sizes_needs_64_bits() -> None:
    text = """
    func.func @f(%x: !tensor_ext.tensor<S * T : f32>, %y: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
      %r = block.kernel @k(%X = %x, %Y = %y) programs [S] warps 4 stages 2 {
        %p = block.program : index
        %at = block.index T * p (p = %p) : INT
        %0 = block.load %X[%at] : f32
        block.store %0, 0[%p]
      } : !tensor_ext.tensor<S : f32>
      func.return %r : !tensor_ext.tensor<S : f32>
    }"""
    assert unproved(parse(text.replace("INT", str(i64))))[0] == []
    assert "in 32 bits" in str(unproved(parse(text.replace("INT", str(IndexType()))))[0])
