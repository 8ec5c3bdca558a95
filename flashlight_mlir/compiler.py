"""``compile(f, *inputs)``: a PyTorch function through every level, to a program that runs and can be read.

p = flashlight_mlir.compile(causal, q, k, v)
p(q, k, v)                  # kernels on the GPU that holds the inputs
print(p.kernels[0].source)  # Triton
p.evaluate(q, k, v, stage="fuse")  # that level, in float64
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree
from xdsl.dialects.builtin import ModuleOp

from flashlight_mlir.diagnostics import Remark, collect, emit
from flashlight_mlir.dialects.block import KernelOp as LoweredKernel
from flashlight_mlir.dialects.loop import KernelOp
from flashlight_mlir.driver import context, parse, run_passes
from flashlight_mlir.frontend.fx import import_function
from flashlight_mlir.host import execute, interpret, interpreted
from flashlight_mlir.interpreters import Chunks, entry, evaluate
from flashlight_mlir.interpreters.pointwise import dtype_of
from flashlight_mlir.program import Intermediate, Kernel, intermediates, summary

STAGES = ("import", "fuse", "tile", "lower")


def compile(f: Callable[..., Any], *example_inputs: Any, target: str | None = None, dynamic_shapes: Any = None) -> Program:
    """Compile ``f`` for inputs like the examples; no GPU is needed.

    ``target`` is a GPU generation (``sm_90``), by default the one at hand. ``dynamic_shapes`` is spelled as torch.export
    spells it; sizes that it does not name are fixed.
    """
    if target is not None and not re.fullmatch(r"sm_\d+", target):
        raise ValueError(f"a target is spelled sm_80, sm_90, …; got {target!r}")
    ctx, ir = context(), {}
    with collect() as remarks:
        imported = import_function(f, example_inputs, dynamic_shapes)
        module: ModuleOp = imported.module
        module.verify()
        ir["import"] = str(module)
        dims: dict[str, dict[str, str]] = {}
        for stage in STAGES[1:]:
            run_passes(module, [stage], ctx)
            ir[stage] = str(module)
            if stage == "tile":
                dims = {k.sym_name.data: _dims(k) for k in module.walk() if isinstance(k, KernelOp)}
    return Program(getattr(f, "__name__", "f"), target or _target_at_hand(), ir, module, imported, dims, remarks)


def _target_at_hand() -> str:
    if not torch.cuda.is_available():
        return "sm_90"
    major, minor = torch.cuda.get_device_capability()
    return f"sm_{major}{minor}"


def _dims(kernel: KernelOp) -> dict[str, str]:
    """Each dim with its extent and how it is covered: ``S, grid 128``."""
    plans = {p.dim: str(p).removeprefix(f"{p.dim} ") for p in kernel.schedule.data.plans} if kernel.schedule else {}
    return {d: f"{extent}, {plans[d]}" if d in plans else str(extent) for d, extent in kernel.dims.items()}


class Program:
    """A compiled function: callable, and open to inspection at every level."""

    def __init__(
        self,
        name: str,
        target: str,
        ir: dict[str, str],
        module: ModuleOp,
        imported: Any,
        dims: dict[str, dict[str, str]],
        remarks: Sequence[Remark],
    ):
        self.name, self.target, self.ir = name, target, ir
        self.remarks: list[Remark] = list(remarks)
        self._module, self._imported = module, imported
        lowered = [op for op in module.walk() if isinstance(op, LoweredKernel)]
        self.kernels: list[Kernel] = [Kernel(k.sym_name.data, _source(k), dims.get(k.sym_name.data, {})) for k in lowered]
        self.intermediates: list[Intermediate] = intermediates(entry(module))

    def __call__(self, *inputs: Any) -> Any:
        tensors = self._tensors(inputs)
        if not any(x.is_cuda for x in tensors) and not interpreted():
            with collect() as remarks:
                text = "the inputs are on the CPU: torch runs the program op by op, no kernel is launched"
                emit(Remark("run", text, hint="move the inputs to a GPU, or set TRITON_INTERPRET=1"))
            self.remarks += [r for r in remarks if r not in self.remarks]
            return self._structured(evaluate(parse(self.ir["import"]), tensors, native=True))
        return self._structured(execute(self._module, tensors))

    def evaluate(self, *inputs: Any, stage: str = "import", chunks: Chunks = None) -> Any:
        """What the IR of a stage means: in float64 on the CPU; ``lower`` runs the kernels in Triton's interpreter."""
        if stage not in STAGES:
            raise ValueError(f"the stages are {', '.join(STAGES)}; got {stage!r}")
        tensors = [x.detach().cpu() for x in self._tensors(inputs)]
        if stage == "lower":
            return self._structured(interpret(self.ir["lower"], tensors))
        return self._structured(evaluate(parse(self.ir[stage]), tensors, chunks=chunks))

    def _tensors(self, inputs: Sequence[Any]) -> list[torch.Tensor]:
        """The tensors among the inputs, checked against what the trace assumed."""
        tensors = self._imported.flatten(inputs)
        types = entry(self._module).function_type.inputs.data
        if len(types) != len(tensors):
            raise ValueError(f"{self.name} takes {len(types)} tensors, got {len(tensors)}")
        for k, (x, type) in enumerate(zip(tensors, types, strict=True)):
            wanted = dtype_of(type.element_type, native=True)  # pyright: ignore
            if x.dtype != wanted:
                raise ValueError(f"input {k} should be {wanted}, is {x.dtype}")
            if x.device != tensors[0].device:
                raise ValueError(f"input {k} is on {x.device}, input 0 on {tensors[0].device}")
        return tensors

    def _structured(self, outputs: list[torch.Tensor]) -> Any:
        return self._imported.unflatten(outputs)

    def __str__(self) -> str:
        return summary(self)

    __repr__ = __str__


def _source(kernel: LoweredKernel) -> str:
    from flashlight_mlir.backend.triton import print_kernel

    return print_kernel(kernel)


def tensors_in(values: Any) -> list[torch.Tensor]:
    return [x for x in pytree.tree_leaves(values) if isinstance(x, torch.Tensor)]
