"""``compile(f, *inputs)``: a PyTorch function through every level, to a program that runs and can be read.

p = flashlight_mlir.compile(causal, q, k, v)
p(q, k, v)                  # kernels on the GPU that holds the inputs
print(p.kernels[0].source)  # Triton
p.evaluate(q, k, v, stage="fuse")  # that level, in float64
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.rewriter import InsertPoint, Rewriter

from flashlight_mlir.diagnostics import Remark, collect, emit, location_of
from flashlight_mlir.dialects.loop import KernelOp
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.dialects.tensor_ext import GroupOp, YieldOp
from flashlight_mlir.driver import context, parse, run_passes
from flashlight_mlir.frontend.fx import import_function
from flashlight_mlir.frontend.imported import Argument, Imported
from flashlight_mlir.host import Host, interpret, interpreted
from flashlight_mlir.interpreters import Chunks, entry, evaluate, size_bindings
from flashlight_mlir.interpreters.frame import value_of
from flashlight_mlir.interpreters.pointwise import dtype_of
from flashlight_mlir.passes.pipelines import flatten
from flashlight_mlir.program import Intermediate, Kernel, intermediates, stored_bytes, summary

STAGES = ("import", "fuse", "tile", "lower")


def compile(f: Callable[..., Any], *example_inputs: Any, target: str | None = None, dynamic_shapes: Any = None) -> Program:
    """Compile ``f`` for inputs like the examples; no GPU is needed.

    ``target`` is a GPU generation (``sm_90``), by default the one at hand. ``dynamic_shapes`` is spelled as torch.export
    spells it; sizes that it does not name are fixed.
    """
    if target is not None and not re.fullmatch(r"sm_\d+", target):
        raise ValueError(f"a target is spelled sm_80, sm_90, …; got {target!r}")
    target = target or _target_at_hand()
    ir: dict[str, str] = {}
    with collect() as remarks:
        imported = import_function(f, example_inputs, dynamic_shapes)
        imported.module.verify()
        ir["import"] = str(imported.module)
        module = imported.module.clone()
        try:
            dims = _stages(module, ir, target)
        except Exception as error:  # a bug of ours is no reason to break the user's program
            module = _without_what_fails(imported.module.clone(), target, error)
            dims = _stages(module, ir, target, grouped=True)
    return Program(getattr(f, "__name__", "f"), target, ir, module, imported, dims, remarks)


def _stages(module: ModuleOp, ir: dict[str, str], target: str, grouped: bool = False) -> dict[str, dict[str, str]]:
    """Run the stages after the import, in place, keeping each stage's text; the dims of the tiled kernels."""
    ctx, dims = context(), dict[str, dict[str, str]]()
    for stage in STAGES[1:]:
        run_passes(module, _AFTER_GROUPS if grouped and stage == "fuse" else [stage], ctx, verify=False, machine=target)
        module.verify()
        ir[stage] = str(module)
        if stage == "tile":
            dims = {k.sym_name.data: dims_of_kernel(k) for k in module.walk() if isinstance(k, KernelOp)}
    Host(module)  # it can be printed
    return dims


_GROUPS = flatten("fuse").index("form-kernels") + 1
_AFTER_GROUPS = flatten("fuse")[_GROUPS:]


def _without_what_fails(module: ModuleOp, target: str, error: Exception) -> ModuleOp:
    """The grouped module, where torch runs the ops of each group that does not compile (a remark says so)."""
    grouped = module.clone()
    try:
        run_passes(grouped, flatten("fuse")[:_GROUPS])
    except Exception as failure:
        _left_to_torch(failure, None)
        return module
    groups = [op for op in grouped.walk() if isinstance(op, GroupOp)]
    left = 0
    for group in groups:
        copy = group.clone()
        block = Block(arg_types=group.inputs.types)
        for old, arg in zip(list(copy.operands), block.args, strict=True):
            copy.operands[list(copy.operands).index(old)] = arg
        block.add_ops([copy, ReturnOp(*copy.outputs)])
        alone = FuncOp(group.sym_name.data, (list(group.inputs.types), list(group.outputs.types)), Region(block))
        try:
            _stages(ModuleOp([alone]), {}, target, grouped=True)
        except Exception as failure:
            _left_to_torch(failure, location_of(group))
            left += 1
            inline_group(group)
    if not left:
        raise error
    return grouped


def inline_group(group: GroupOp) -> None:
    """The group's ops stand in its place: torch runs them."""
    Rewriter.inline_block(group.body.block, InsertPoint.before(group), group.inputs)
    last = group.prev_op
    assert isinstance(last, YieldOp)
    for result, value in zip(group.outputs, last.values, strict=True):
        result.replace_all_uses_with(value)
    Rewriter.erase_op(group)
    Rewriter.erase_op(last)


def _left_to_torch(error: Exception, location: str | None) -> None:
    text = f"left to torch: it did not compile ({type(error).__name__}: {str(error)[-200:]})"
    emit(Remark("compile", text, location, "please report it", refused=True))


def _target_at_hand() -> str:
    if not torch.cuda.is_available():
        return "sm_90"
    major, minor = torch.cuda.get_device_capability()
    return f"sm_{major}{minor}"


def dims_of_kernel(kernel: KernelOp) -> dict[str, str]:
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
        imported: Imported,
        dims: dict[str, dict[str, str]],
        remarks: Sequence[Remark],
    ):
        self.name, self.target, self.ir = name, target, ir
        self.remarks: list[Remark] = list(remarks)
        self._module, self._imported = module, imported
        self._host = Host(module)
        self._accepted: set[Hashable] = set()
        self.kernels: list[Kernel] = [
            Kernel(k.title, k.source, dims.get(k.title, {}))
            for k in (launcher.kernel for launcher in self._host.launchers.values())
        ]
        self.intermediates: list[Intermediate] = intermediates(entry(module))

    def __call__(self, *inputs: Any) -> Any:
        tensors = self._tensors(inputs)
        if not any(x.is_cuda for x in tensors) and not interpreted():
            with collect() as remarks:
                text = "the inputs are on the CPU: torch runs the program op by op, no kernel is launched"
                emit(Remark("run", text, hint="move the inputs to a GPU, or set TRITON_INTERPRET=1"))
            self.remarks += [r for r in remarks if r not in self.remarks]
            return self._structured(evaluate(parse(self.ir["import"]), tensors, native=True))
        return self._structured(self._host(tensors))

    def evaluate(self, *inputs: Any, stage: str = "import", chunks: Chunks = None) -> Any:
        """What the IR of a stage means: in float64 on the CPU; ``lower`` runs the kernels in Triton's interpreter."""
        if stage not in STAGES:
            raise ValueError(f"the stages are {', '.join(STAGES)}; got {stage!r}")
        tensors = [x.cpu() for x in self._tensors(inputs)]
        if stage == "lower":
            return self._structured(interpret(self.ir["lower"], tensors))
        return self._structured(evaluate(parse(self.ir[stage]), tensors, chunks=chunks))

    def file(self, *inputs: Any) -> str:
        """A Python file that runs alone at the sizes of ``inputs``: kernels, launch, eager, and a check of one by the other."""
        from flashlight_mlir.export.file import program_file  # torch's tracer takes a second to import

        tensors, kernels = self._tensors(inputs), [launcher.kernel for launcher in self._host.launchers.values()]
        sizes = size_bindings(entry(self._module), tensors)
        return program_file(parse(self.ir["import"]), self._module, kernels, sizes, tensors)

    def stored_bytes(self, *inputs: Any, **sizes: int) -> tuple[int, int]:
        """Bytes stored between ops if each op of the imported program were run by itself, and between kernels as compiled."""
        func = entry(self._module)
        bound = {**(size_bindings(func, self._tensors(inputs)) if inputs else {}), **sizes}
        return stored_bytes(entry(parse(self.ir["import"])), bound), stored_bytes(func, bound)

    def _tensors(self, inputs: Sequence[Any]) -> list[torch.Tensor]:
        """The tensors among the inputs, checked against what the trace assumed (once for each set of sizes)."""
        func = entry(self._module)
        arguments: list[Argument] = list(self._imported.arguments)
        tensors: list[Any] = self._imported.flatten(*inputs)
        device = next((x.device for x in tensors if isinstance(x, torch.Tensor)), torch.device("cpu"))
        for k, (a, type) in enumerate(zip(arguments, func.function_type.inputs.data, strict=True)):
            if a.constant is not None:
                tensors[k] = a.constant.to(device)
            elif not isinstance(x := tensors[k], torch.Tensor):
                raise ValueError(f"{self.name}: {a.name} should be a tensor, is {x!r}")
            elif x.dtype != (wanted := dtype_of(element_of(type), native=True)):
                raise ValueError(f"{self.name}: {a.name} should be {wanted}, is {x.dtype}")
            elif x.device != device:
                raise ValueError(f"{self.name}: {a.name} is on {x.device}, another input on {device}")
        key = tuple((x.shape, x.dtype, x.device) for x in tensors)
        if key not in self._accepted:
            self._check_sizes(func, tensors, arguments)
            self._accepted.add(key)
        return [x.detach() for x in tensors]

    def _check_sizes(self, func: FuncOp, tensors: Sequence[torch.Tensor], arguments: Sequence[Argument]) -> None:
        try:
            sizes = size_bindings(func, tensors, [a.name for a in arguments])
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        for name, (low, high) in self._imported.ranges.items():
            n = sizes.get(name, low)
            if n < (low if low > 2 else 0) or (high is not None and n > high):
                raise ValueError(f"{self.name}: {name} should be from {low} to {high or 'any size'}, is {n}")
        for left, right in self._imported.relations:
            if value_of(left, sizes) != value_of(right, sizes):
                raise ValueError(f"{self.name}: the trace assumed {left} = {right}, which {sizes} breaks")

    def _structured(self, outputs: list[torch.Tensor]) -> Any:
        return self._imported.pack(outputs)

    def __str__(self) -> str:
        return summary(self.name, self.target, self.kernels, self.intermediates, self.remarks)

    __repr__ = __str__
