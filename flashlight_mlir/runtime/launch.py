"""From a printed kernel to a callable on torch tensors: sizes and strides are arguments, results are allocated here.

    >>> run = load(source)                                  # doctest: +SKIP
    >>> (o,) = run(q, k, v)                                 # doctest: +SKIP

With ``TRITON_INTERPRET=1`` set before Triton is imported, kernels run on the CPU (16-bit floats other than f16: wrong there).
"""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from math import prod
from typing import Any

import torch

from flashlight_mlir.backend.source import KernelSource, Tensor
from flashlight_mlir.expr import Atom, Expr, Name

LIMIT = 2**26
"""Sizes up to here, and offsets inside a tile up to 2**31, use 32-bit arithmetic (see ``dims.is_small``)."""

PLANS = 256
"""Calls of different shapes and strides that a launcher remembers."""

DTYPES: dict[str, torch.dtype] = {
    "int1": torch.bool,
    **{n: getattr(torch, n) for n in ("int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")},
}


class ShapeError(ValueError):
    """The tensors of a call do not fit the kernel."""


def evaluate(expr: Expr, sizes: dict[str, int]) -> int:
    def value(atom: Atom) -> int:
        assert isinstance(atom, Name)
        return sizes[atom.text]

    return expr.evaluate(value)


def bind(
    params: Sequence[Tensor], tensors: Sequence[torch.Tensor], title: str = "kernel", known: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Size symbols from the shapes of the arguments, or else ``known``; every relation between them is checked."""
    if len(tensors) != len(params):
        raise ShapeError(f"{title} takes {len(params)} tensors, got {len(tensors)}")
    sizes: dict[str, int] = {}
    for k, (param, tensor) in enumerate(zip(params, tensors, strict=True)):
        if tensor.dtype != DTYPES[param.dtype]:
            raise ShapeError(f"{title}: argument {k} should be {DTYPES[param.dtype]}, is {tensor.dtype}")
        if tensor.dim() != len(param.shape):
            raise ShapeError(f"{title}: argument {k} should have {len(param.shape)} axes, has {tensor.dim()}")
        for size, actual in zip(param.shape, tensor.shape, strict=True):
            if size.name is not None:
                sizes.setdefault(size.name, actual)
    sizes = {**(known or {}), **sizes}
    for k, (param, tensor) in enumerate(zip(params, tensors, strict=True)):
        for axis, (size, actual) in enumerate(zip(param.shape, tensor.shape, strict=True)):
            if missing := sorted(size.names - sizes.keys()):
                raise ShapeError(f"{title}: no argument tells the size {', '.join(missing)}")
            if (expected := evaluate(size, sizes)) != actual:
                form = "" if size.constant is not None else f" ({size} with {_text(sizes)})"
                raise ShapeError(f"{title}: axis {axis} of argument {k} should be {expected}{form}, is {actual}")
    return sizes


def _text(sizes: dict[str, int]) -> str:
    return ", ".join(f"{n} = {v}" for n, v in sizes.items())


def is_wide(params: Sequence[Tensor], tensors: Sequence[torch.Tensor], sizes: dict[str, int]) -> bool:
    """Lane offsets of some tensor may pass 32 bits."""
    if any(v > LIMIT for v in sizes.values()):
        return True
    for param, tensor in zip(params, tensors, strict=True):
        reach = 0
        for span, size, stride in zip(param.spans, tensor.shape, tensor.stride(), strict=True):
            reach += stride * (max(size, 1) if span is None else span)
        if reach >= 2**31:
            return True
    return False


def compile_source(source: str, name: str) -> Any:
    """The jitted kernel; its text is kept in ``linecache`` under its digest, for Triton and for tracebacks."""
    triton: Any = import_module("triton")
    if triton.knobs.runtime.interpret:
        from flashlight_mlir.runtime.interpret import patch

        patch()
    file = f"<flashlight {hashlib.sha256(source.encode()).hexdigest()[:16]}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": "flashlight_kernel"}
    exec(compile(source, file, "exec"), namespace)  # printed by backend.triton, checked by backend.whitelist
    return namespace[name]


@dataclass
class Plan:
    """What the shapes and strides of a call decide: checked and computed once for each of them."""

    shapes: list[list[int]]
    programs: int
    sizes: list[int]
    wide: bool
    compiled: Any = None
    """What Triton compiled for pointers that are multiples of 16: the next launch need not ask again which kernel it is."""


@dataclass
class Launcher:
    """A kernel that can be called; compiled when it is first."""

    kernel: KernelSource
    fn: Any = field(default=None, repr=False)
    plans: dict[Hashable, Plan] = field(default_factory=dict[Hashable, Plan], repr=False)

    def __call__(
        self, *tensors: torch.Tensor, device: torch.device | None = None, sizes: Mapping[str, int] | None = None
    ) -> list[torch.Tensor]:
        """Run the kernel; the results are new contiguous tensors. ``sizes`` are those that no argument may tell."""
        k = self.kernel
        device = tensors[0].device if tensors else device or torch.device("cpu")
        untold = tuple(sizes[s] for s in self.untold) if sizes else ()
        key = (untold, *((t.shape, t.stride(), t.dtype, t.device) for t in tensors))
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= PLANS:
                self.plans.clear()
            plan = self.plans[key] = self._plan(tensors, device, sizes)
        outputs = [torch.empty(s, dtype=DTYPES[o.dtype], device=device) for s, o in zip(plan.shapes, k.outputs, strict=True)]
        if plan.programs == 0 or all(o.numel() == 0 for o in outputs):
            return outputs
        args: list[Any] = []
        for t in (*tensors, *outputs):
            args += [t, *t.stride()]
        args += plan.sizes
        if device.type != "cuda" or device.index == torch.cuda.current_device():
            self._launch(plan, args, tensors)
        else:
            with torch.cuda.device(device):
                self._launch(plan, args, tensors)
        return outputs

    def _launch(self, plan: Plan, args: Sequence[Any], tensors: Sequence[torch.Tensor]) -> None:
        k, aligned = self.kernel, not any(t.data_ptr() % 16 for t in tensors)
        if plan.compiled is not None and aligned:
            plan.compiled[plan.programs, 1, 1](*args, plan.wide)
            return
        if self.fn is None:
            self.fn = compile_source(k.source, k.name)
        fuses = k.fuses_multiply_add
        compiled = self.fn[(plan.programs,)](*args, WIDE=plan.wide, num_warps=k.warps, num_stages=k.stages, enable_fp_fusion=fuses)
        if aligned:
            plan.compiled = compiled  # None in Triton's interpreter

    @cached_property
    def untold(self) -> list[str]:
        """Size symbols that are no axis of an argument."""
        told = {e.name for t in self.kernel.inputs for e in t.shape}
        return [s for s in self.kernel.symbols if s not in told]

    def _plan(self, tensors: Sequence[torch.Tensor], device: torch.device, known: Mapping[str, int] | None) -> Plan:
        k = self.kernel
        sizes = bind(k.inputs, tensors, k.title, {s: known[s] for s in self.untold} if known else None)
        if any(t.device != device for t in tensors):
            raise ShapeError(f"{k.title}: arguments are on different devices")
        if missing := [s for s in k.symbols if s not in sizes]:
            raise ShapeError(f"{k.title}: no argument tells the size {', '.join(missing)}")
        shapes = [[evaluate(e, sizes) for e in o.shape] for o in k.outputs]
        programs = prod(evaluate(e, sizes) for e in k.grid)
        if programs >= 2**31:
            raise ShapeError(f"{k.title}: {programs} programs do not fit one launch")
        outputs = [torch.empty(s, dtype=DTYPES[o.dtype], device="meta") for s, o in zip(shapes, k.outputs, strict=True)]
        wide = is_wide((*k.inputs, *k.outputs), (*tensors, *outputs), sizes)
        return Plan(shapes, programs, [sizes[s] for s in k.symbols], wide)


def load(kernel: KernelSource) -> Callable[..., list[torch.Tensor]]:
    """The kernel as a function of its inputs."""
    return Launcher(kernel)
