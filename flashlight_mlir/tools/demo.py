"""flashlight-demo: eager attention, level by level, down to the kernel that it becomes, and its run.

Colours and rules on a terminal, plain text in a pipe. Kernels run on the GPU if there is one, else in Triton's interpreter.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

EXAMPLE = Path(__file__).parents[2] / "examples" / "causal.py:causal"
STAGES = {
    "import": "what PyTorch computes, each op on its own: every result would be stored",
    "fuse": "one kernel over named dims; reductions that waited for each other are one fold over chunks",
    "tile": "which dims are a grid, which are streamed, in what sizes; tiles that the mask empties are not visited",
    "lower": "what one program of the grid does: blocks, predicates, dots",
}


class Page(Protocol):
    def section(self, title: str, note: str = "") -> None: ...
    def code(self, text: str, language: str) -> None: ...
    def fact(self, name: str, value: str) -> None: ...


class Plain:
    """For a pipe."""

    def section(self, title: str, note: str = "") -> None:
        print(f"\n== {title} ==" + (f"\n   {note}" if note else ""), end="\n\n")

    def code(self, text: str, language: str) -> None:
        print(text.rstrip())

    def fact(self, name: str, value: str) -> None:
        print(f"{name:28}{value}")


class Rich:
    """For a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(highlight=False)

    def section(self, title: str, note: str = "") -> None:
        self.console.print()
        self.console.rule(f"[bold cyan]{title}", align="left", style="cyan")
        if note:
            self.console.print(note, style="italic", markup=False)
        self.console.print()

    def code(self, text: str, language: str) -> None:
        from rich.syntax import Syntax
        from rich.text import Text

        if language == "python":
            self.console.print(Syntax(text.rstrip(), "python", theme="ansi_dark", word_wrap=True, background_color="default"))
            return
        ir = Text(text.rstrip())
        ir.highlight_regex(r"![a-z_]+\.[a-z]+<[^>]*>", "dim")
        ir.highlight_regex(r"%[A-Za-z0-9_]+", "yellow")
        ir.highlight_regex(r"\b(pointwise|loop|tensor_ext|block|func|arith)\.[a-z0-9_]+", "bold green")
        ir.highlight_regex(r"@[A-Za-z0-9_]+|//.*", "magenta")
        self.console.print(ir, soft_wrap=True)

    def fact(self, name: str, value: str) -> None:
        self.console.print(f"[bold]{name:28}[/bold]", end="")
        self.console.print(value, markup=False)


def page() -> Page:
    if sys.stdout.isatty() and importlib.util.find_spec("rich"):
        return Rich()
    return Plain()


def load(spec: str) -> tuple[Callable[..., Any], ModuleType]:
    """The function that ``file.py:name`` names, and its module."""
    path, _, name = spec.rpartition(":")
    found = importlib.util.spec_from_file_location("demo_program", path)
    if not Path(path).is_file() or found is None or found.loader is None:
        raise FileNotFoundError(f"{path or spec}: no such file (the argument is FILE.py:FUNCTION)")
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # torch's tracer looks up a function's globals there
    found.loader.exec_module(module)
    return getattr(module, name), module


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def show(out: Page, spec: str, length: int) -> None:
    import torch

    gpu = torch.cuda.is_available()
    if not gpu:
        os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported
    from flashlight_mlir.compiler import compile
    from flashlight_mlir.diagnostics import render

    f, module = load(spec)
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]: torch does not type it
    inputs = module.example_inputs(length=length, d=64) if spec == str(EXAMPLE) else module.example_inputs()
    shapes = None
    if spec == str(EXAMPLE):
        shapes = tuple({2: torch.export.Dim("S", min=1)} for _ in inputs)
    if gpu:
        inputs = tuple(x.cuda() if isinstance(x, torch.Tensor) else x for x in inputs)
    out.section("The program", f"{Path(spec.rpartition(':')[0]).name}: ordinary PyTorch, no annotation")
    out.code(inspect.getsource(f), "python")

    started = time.perf_counter()
    p = compile(f, *inputs, dynamic_shapes=shapes)
    took = time.perf_counter() - started
    for number, (stage, note) in enumerate(STAGES.items(), 1):
        out.section(f"{number}. {stage}", note)
        out.code(p.ir[stage], "mlir")
    for kernel in p.kernels:
        out.section(f"The kernel @{kernel.name}", "Triton")
        out.code(kernel.source, "python")
    if p.remarks:
        out.section("Remarks", "what was decided, and what was refused")
        for remark in p.remarks:
            out.code(render(remark), "text")

    out.section("The run", "on the GPU" if gpu else "in Triton's interpreter, for want of a GPU")
    started = time.perf_counter()
    actual = p(*inputs)
    ran = time.perf_counter() - started
    exact = p.evaluate(*inputs, stage="import")
    shape = ", ".join("x".join(map(str, x.shape)) for x in inputs if isinstance(x, torch.Tensor))
    out.fact("inputs", f"{shape}, {str(inputs[0].dtype).removeprefix('torch.')}")
    out.fact("kernels", str(len(p.kernels)))
    out.fact("error against float64", f"{error(actual, exact):.2e}")
    out.fact("eager PyTorch's error", f"{error(f(*inputs), exact):.2e}")
    eager, ours = p.stored_bytes(*inputs)
    out.fact("between kernels, eager", size(eager))
    out.fact("between kernels, ours", size(ours))
    out.fact("never touched memory", size(eager - ours))
    if shapes:
        more = p.stored_bytes(S=16384)
        out.fact("… at a length of 16384", size(more[0] - more[1]))
    out.fact("through torch.compile", through_torch(f, inputs))
    out.fact("time", f"compiled in {took:.1f} s, ran in {ran:.2f} s")


def through_torch(f: Callable[..., Any], inputs: Sequence[Any]) -> str:
    """What ``torch.compile(f, backend="flashlight")`` makes of it."""
    import torch

    from flashlight_mlir.bridge.explain import explain

    with torch.no_grad():
        report = explain(f)(*inputs)
    reasons = "" if report.regions else f": {report.refusals[0].reason}" if report.refusals else ": no tensor op"
    return report.headline + reasons


def error(actual: Any, exact: Any) -> float:
    """The largest absolute difference of any element of any result."""
    from torch.utils import _pytree as pytree

    pairs = zip(pytree.tree_leaves(actual), pytree.tree_leaves(exact), strict=True)
    return max(float((a.detach().cpu().double() - e.double()).abs().max()) for a, e in pairs)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("flashlight-demo", description="Eager attention, level by level, down to its kernel.")
    parser.add_argument("program", nargs="?", default=str(EXAMPLE), help="FILE.py:FUNCTION (default: examples/causal.py:causal)")
    parser.add_argument("--length", type=int, default=200, help="sequence length of the run (default: 200)")
    args = parser.parse_args(argv)
    try:
        show(page(), args.program, args.length)
    except (FileNotFoundError, AttributeError, ValueError) as problem:
        print(f"flashlight-demo: error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
