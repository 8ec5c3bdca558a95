"""Kernels over named dims: values are tensors with an axis for each dim of their type, restricted to the chunk at hand.

An untiled kernel is one tile, and its folds run over chunks that the caller chooses; a tiled one runs as its schedule
says: a grid of tiles with clipped edges, folds that stream tiles. What a kernel leaves unwritten is an error.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Block, SSAValue

from flashlight_mlir.dialects.loop.compute import ContractOp, IndexOp, ReduceOp
from flashlight_mlir.dialects.loop.fold import FoldOp, YieldOp
from flashlight_mlir.dialects.loop.kernel import KernelOp, kernel_of
from flashlight_mlir.dialects.loop.memory import LoadOp, StoreOp
from flashlight_mlir.dialects.loop.types import dims_of
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.dialects.tensor_ext import type_of
from flashlight_mlir.expr import Expr
from flashlight_mlir.interpreters import tensor
from flashlight_mlir.interpreters.frame import Chunks, Frame
from flashlight_mlir.interpreters.pointwise import align, dtype_of, number_or_tensor

Span = tuple[int, int]


def spans(lo: int, hi: int, size: int) -> list[Span]:
    """``[lo, hi)`` in pieces of ``size``, the last one clipped."""
    return [(k, min(k + size, hi)) for k in range(lo, hi, size)]


def cut(lo: int, hi: int, how: Chunks) -> list[Span]:
    """``[lo, hi)`` in chunks: whole, one by one, of a size, or at random."""
    if hi <= lo:
        return []
    if isinstance(how, random.Random):
        edges = sorted({lo, hi, *(how.randint(lo, hi) for _ in range(how.randint(0, 4)))})
        return list(itertools.pairwise(edges))
    return spans(lo, hi, hi - lo if how is None else 1 if how == "one" else int(how))


@register_impls
class LoopFunctions(InterpreterFunctions):
    def __init__(self, frame: Frame):
        self.frame = frame
        self.results: list[torch.Tensor] = []
        self.written: list[torch.Tensor] = []

    @contextmanager
    def _at(self, chunk: dict[str, Span]) -> Generator[None]:
        outer, self.frame.chunk = self.frame.chunk, {**self.frame.chunk, **chunk}
        try:
            yield
        finally:
            self.frame.chunk = outer

    def _run(self, interpreter: Interpreter, block: Block, args: Sequence[Any]) -> tuple[Any, ...]:
        """Run a block in a scope of its own; the operands of its yield."""
        interpreter.push_scope("block")
        try:
            interpreter.set_values(zip(block.args, args, strict=True))
            for op in block.ops:
                operands = interpreter.get_values(op.operands)
                if isinstance(op, YieldOp):
                    return operands
                interpreter.set_values(zip(op.results, interpreter.run_op(op, operands), strict=True))
            return ()
        finally:
            interpreter.pop_scope()

    @impl(KernelOp)
    def run_kernel(self, interpreter: Interpreter, op: KernelOp, args: PythonValues) -> PythonValues:
        frame, outer = self.frame, (self.results, self.written)
        shapes = [[frame.size(e) for e in type_of(o).shape] for o in op.outputs]
        dtypes = [dtype_of(type_of(o).element_type, frame.native) for o in op.outputs]
        self.results = [torch.zeros(s, dtype=d, device=frame.device) for s, d in zip(shapes, dtypes, strict=True)]
        self.written = [torch.zeros(s, dtype=torch.bool, device=frame.device) for s in shapes]
        whole = {d: (0, frame.size(e)) for d, e in op.dims.items()}
        with self._at(whole):
            for tile in self._grid(op, whole):
                with self._at(tile):
                    self._run(interpreter, op.block, args)
        for k, written in enumerate(self.written):
            if not bool(written.all()):
                raise ValueError(f"@{op.sym_name.data} leaves {int((~written).sum())} elements of result {k} unwritten")
        results, (self.results, self.written) = self.results, outer
        return tuple(results)

    def _grid(self, op: KernelOp, whole: dict[str, Span]) -> Iterator[dict[str, Span]]:
        plans = op.schedule.data.grid if op.schedule else ()
        axes = [spans(*whole[p.dim], p.size) if p.size else [whole[p.dim]] for p in plans]
        for tiles in itertools.product(*axes):
            yield {p.dim: t for p, t in zip(plans, tiles, strict=True)}

    @impl(FoldOp)
    def run_fold(self, interpreter: Interpreter, op: FoldOp, args: PythonValues) -> PythonValues:
        init = [self._broadcast(v, state) for v, state in zip(args, op.body.block.args, strict=False)]
        schedule = kernel_of(op).schedule
        sizes = {d: schedule.data.size(d) if schedule else None for d in op.dims}
        ranges = {d: (self.frame.size(lo), self.frame.size(hi)) for d, (lo, hi) in op.ranges.items()}
        for d, (lo, hi) in ranges.items():
            extent = self.frame.size(kernel_of(op).dims[d])
            if hi > lo and (lo < 0 or hi > extent):
                raise ValueError(f"a fold over {d} in [{lo}, {hi}) leaves [0, {extent})")
            if op.full and sizes[d] and hi > lo and (hi - lo) % (sizes[d] or 1):
                raise ValueError(f"a fold over {d} in [{lo}, {hi}) is not full: the tile is {sizes[d]}")
        axes = [spans(*ranges[d], size) if (size := sizes[d]) else cut(*ranges[d], self.frame.chunks) for d in op.dims]
        steps = [dict(zip(op.dims, c, strict=True)) for c in itertools.product(*axes)]
        unit = self._unit(interpreter, op)
        if op.merge is None or unit is None or not isinstance(self.frame.chunks, random.Random) or not steps:
            state = self._steps(interpreter, op, init, steps)
        else:
            state = self._split(interpreter, op, init, unit, steps, self.frame.chunks)
        if op.condition is None:
            return tuple(state)
        return tuple(self._where(args[-1], op.condition, *pair) for pair in zip(state, init, op.outputs, strict=True))

    def _where(self, condition: Any, its: SSAValue, new: Any, old: Any, part: SSAValue) -> Any:
        """The new state where the condition holds; elsewhere it has to be the old one."""
        condition, new, old = (torch.as_tensor(x) for x in (condition, new, old))
        condition = align(condition, its.type, dims_of(part.type)) if condition.ndim else condition
        result = torch.where(condition, new, old)
        if not torch.allclose(result, new, rtol=1e-9, atol=0, equal_nan=True):
            raise ValueError("a fold changes the state where its condition is false")
        return number_or_tensor(result, part.type)

    def _steps(self, interpreter: Interpreter, op: FoldOp, state: Sequence[Any], steps: Sequence[dict[str, Span]]) -> list[Any]:
        for step in steps:
            with self._at(step):
                state = self._run(interpreter, op.body.block, state)
        return list(state)

    def _split(
        self,
        interpreter: Interpreter,
        op: FoldOp,
        init: list[Any],
        unit: list[Any],
        steps: list[dict[str, Span]],
        rng: random.Random,
    ) -> list[Any]:
        """The fold as several folds of runs of its steps, merged by ``combine`` in a random order."""
        assert op.merge is not None
        edges = sorted({0, len(steps), *(rng.randint(0, len(steps)) for _ in range(rng.randint(0, 3)))})
        parts = [self._steps(interpreter, op, unit if a else init, steps[a:b]) for a, b in itertools.pairwise(edges)]
        if rng.random() < 0.5:
            parts.insert(rng.randint(1, len(parts)), list(unit))  # an empty part changes nothing
        while len(parts) > 1:
            k = rng.randrange(len(parts) - 1)
            parts[k : k + 2] = [list(self._run(interpreter, op.merge.block, [*parts[k], *parts[k + 1]]))]
        return parts[0]

    def _unit(self, interpreter: Interpreter, op: FoldOp) -> list[Any] | None:
        """The state before the first chunk: the scalars that this fold, or the chain that it continues, begins with."""
        inits = list(op.init)
        while inits and isinstance(before := inits[0].owner, FoldOp) and inits == list(before.outputs):
            inits = list(before.init)
        if any(dims_of(v.type) for v in inits):
            return None
        values = interpreter.get_values(inits)
        return [self._broadcast(v, state) for v, state in zip(values, op.body.block.args, strict=True)]

    def _broadcast(self, value: Any, state: SSAValue) -> Any:
        dims, dtype = dims_of(state.type), dtype_of(element_of(state.type), self.frame.native)
        if isinstance(value, torch.Tensor) and value.ndim == len(dims):
            return value
        if not dims:
            return value
        return torch.as_tensor(value, dtype=dtype, device=self.frame.device).expand(self.frame.shape(dims))

    @impl(LoadOp)
    def run_load(self, interpreter: Interpreter, op: LoadOp, args: PythonValues) -> PythonValues:
        source, dims = args[0], dims_of(op.result.type)
        mask = align(interpreter.get_values([op.mask])[0], op.mask.type, dims) if op.mask else None
        index: list[torch.Tensor] = []
        for entry in op.index:
            if isinstance(entry, Expr):
                at = self.frame.index(entry, dims)
            else:
                (at,) = interpreter.get_values([entry])
                at = align(at, entry.type, dims) if isinstance(at, torch.Tensor) else at
            index.append(torch.as_tensor(at, dtype=torch.int64, device=source.device).reshape(_padded(at, dims)))
        shape = self.frame.shape(dims)
        for k, at in enumerate(index):
            out = (at < 0) | (at >= source.shape[k])
            if bool(out.any()):
                bad = out if mask is None else out & mask
                if bool(bad.any()) and 0 not in shape:
                    raise IndexError(f"a load leaves axis {k} of {tuple(source.shape)}: {op.index[k]}")
                index[k] = at.masked_fill(out, 0)
        if any(n == 0 for n in source.shape):
            value = source.new_zeros(shape)
        else:
            value = source[tuple(index)] if index else source
            value = value.expand(shape) if dims else value.reshape(())
        if mask is not None:
            value = torch.where(mask, value, torch.zeros((), dtype=value.dtype, device=value.device))
        return (number_or_tensor(value, op.result.type),)

    @impl(StoreOp)
    def run_store(self, _: Interpreter, op: StoreOp, args: PythonValues) -> PythonValues:
        number = op.number.value.data
        result, written = self.results[number], self.written[number]
        names = {n for e in op.index for n in e.names}
        dims = [d for d in kernel_of(op).dims if d in names]
        index = tuple(torch.as_tensor(self.frame.index(e, dims), dtype=torch.int64, device=result.device) for e in op.index)
        shape = self.frame.shape(dims)
        if 0 in shape:
            return ()
        for k, at in enumerate(index):
            if bool(((at < 0) | (at >= result.shape[k])).any()):
                raise IndexError(f"a store leaves axis {k} of result {number}: {op.index[k]}")
        value = torch.as_tensor(args[0], device=result.device).to(result.dtype)
        value = align(value, op.value.type, dims) if value.ndim else value
        if index:
            result[index] = value.expand(shape) if value.ndim else value
            written[index] = True
        else:
            result.copy_(value.reshape(()))
            written.fill_(True)
        return ()

    @impl(IndexOp)
    def run_index(self, _: Interpreter, op: IndexOp, args: PythonValues) -> PythonValues:
        dims = dims_of(op.result.type)
        value = self.frame.index(op.expr.data, dims)
        return (value.expand(self.frame.shape(dims)) if dims else int(value),)

    @impl(ReduceOp)
    def run_reduce(self, _: Interpreter, op: ReduceOp, args: PythonValues) -> PythonValues:
        dims = dims_of(op.source.type)
        out = tensor.reduce(op.kind.data, args[0], [dims.index(d) for d in op.dims])
        return (number_or_tensor(out.to(dtype_of(element_of(op.result.type), self.frame.native)), op.result.type),)

    @impl(ContractOp)
    def run_contract(self, _: Interpreter, op: ContractOp, args: PythonValues) -> PythonValues:
        a, b, out = dims_of(op.lhs.type), dims_of(op.rhs.type), dims_of(op.result.type)
        dtype = dtype_of(element_of(op.result.type), self.frame.native)
        value = tensor.contract(torch.as_tensor(args[0]), a, torch.as_tensor(args[1]), b, out, dtype)
        return (number_or_tensor(value, op.result.type),)


def _padded(at: Any, dims: Sequence[str]) -> tuple[int, ...]:
    return tuple(at.shape) if isinstance(at, torch.Tensor) and at.ndim else (1,) * len(dims)
