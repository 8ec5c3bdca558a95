"""flashlight-opt: read IR, run passes or whole pipelines by name, print IR or the kernels.

xDSL's driver with our dialects and passes. A pipeline in ``-p``/``--pass-pipeline`` stands for its passes, so that
``--print-between-passes`` and ``--time-passes`` show each of them. Every mistake is one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import IO, NoReturn

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Dialect
from xdsl.passes import ModulePass, PassPipeline
from xdsl.printer import Printer
from xdsl.transforms import get_all_passes
from xdsl.utils.arg_spec import ArgSpec, ParameterListType, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, ParseError
from xdsl.utils.target import Target
from xdsl.xdsl_opt_main import xDSLOptMain

from flashlight_mlir.diagnostics import CompileError, collect, one_line, render
from flashlight_mlir.passes import ALL
from flashlight_mlir.passes.pipelines import PIPELINES, flatten
from flashlight_mlir.reader import read, verify

BORROWED = {
    "canonicalize": "Apply the simplifications that each op brings along.",
    "cse": "Compute equal things once.",
    "dce": "Drop what nobody uses.",
}
"""xDSL's own passes that our pipelines use."""


def dialects() -> dict[str, Callable[[], Dialect]]:
    """Every dialect that our IR may hold, imported when the text mentions it."""
    from flashlight_mlir.dialects import ALL as OURS

    def theirs(name: str, attribute: str) -> Callable[[], Dialect]:
        return lambda: getattr(importlib.import_module(f"xdsl.dialects.{name}"), attribute)

    return {"builtin": theirs("builtin", "Builtin"), "func": theirs("func", "Func"), "arith": theirs("arith", "Arith"), **OURS}


def passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Every pass by name, imported when used."""

    def ours(path: str) -> Callable[[], type[ModulePass]]:
        module, _, attribute = path.partition(":")
        return lambda: getattr(importlib.import_module(module), attribute)

    theirs = get_all_passes()
    return {name: theirs[name] for name in BORROWED} | {name: ours(path) for name, path in ALL.items()}


def context() -> Context:
    """A context that knows our dialects."""
    ctx = Context()
    for name, factory in dialects().items():
        ctx.register_dialect(name, factory)
    return ctx


def pipeline(text: str) -> tuple[ModulePass, ...]:
    """The passes that ``text`` names, pipelines flattened: ``fuse,tile{i=128}`` → canonicalize, …, choose-sizes{i=128}."""
    available = passes()
    found: list[ModulePass] = []
    for spec in _specs(text):
        for member in _expand(spec, available):
            try:
                found.append(available[member.name]().from_spec(member))
            except ValueError as error:
                raise CompileError(f"pass {member.name}: {error}", "pass-pipeline") from error
    return tuple(found)


def _specs(text: str) -> Iterator[ArgSpec]:
    try:
        yield from parse_pipeline(text)
    except ArgSpecParseError as error:
        _, place, *_, message = str(error).strip().split("\n")
        raise CompileError(message.strip(), place) from error
    except ValueError as error:
        raise CompileError(str(error), "pass-pipeline") from error


def _expand(spec: ArgSpec, available: dict[str, Callable[[], type[ModulePass]]]) -> Iterator[ArgSpec]:
    members = flatten(spec.name)
    if unknown := [name for name in members if name not in available]:
        close = difflib.get_close_matches(unknown[0], [*available, *PIPELINES], 1)
        raise CompileError(f"unknown pass {unknown[0]!r}" + "".join(f", did you mean {c}?" for c in close), "pass-pipeline")
    if spec.name not in PIPELINES:
        yield spec
        return
    options: dict[str, dict[str, ParameterListType]] = {name: {} for name in members}
    for option, value in spec.parameters.items():
        owner = _owner(option, {name: available[name]() for name in members})
        if owner is None:
            raise CompileError(f"no pass of {spec.name} has an option {option!r}", "pass-pipeline")
        options[owner][option] = value
    yield from (ArgSpec(name, options[name]) for name in members)


def _owner(option: str, members: dict[str, type[ModulePass]]) -> str | None:
    """The pass with a field of that name, or else the one that reads its options itself (tile sizes: any dim is an option)."""
    key = option.replace("-", "_")
    named = (name for name, cls in members.items() if any(f.name == key for f in fields(cls)))
    free = (name for name, cls in members.items() if "from_spec" in vars(cls))
    return next(named, None) or next(free, None)


@dataclass(frozen=True)
class TritonTarget(Target):
    """Python source of the Triton kernels of a module at the block level."""

    name = "triton"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        from flashlight_mlir.backend.triton import print_module

        output.write(print_module(module))


class FlashlightOpt(xDSLOptMain):
    """xDSL's driver over our dialects, passes and targets."""

    current: str | None = None
    """The pass that is running."""

    def __init__(self, argv: Sequence[str]):
        self.argv = argv
        super().__init__(description=(__doc__ or "").partition("\n")[0], args=argv)

    def register_all_dialects(self) -> None:
        for name, factory in dialects().items():
            self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        self.available_passes |= passes()

    def register_all_targets(self) -> None:
        from xdsl.targets.mlir import MLIRTarget

        self.available_targets |= {"auto": lambda: MLIRTarget, "mlir": lambda: MLIRTarget, "triton": lambda: TritonTarget}

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        def error(message: str) -> NoReturn:
            raise CompileError(message, "flashlight-opt")

        super().register_all_arguments(arg_parser)
        arg_parser.prog = "flashlight-opt"
        arg_parser.error = error
        arg_parser.set_defaults(target="auto")
        arg_parser.add_argument("--pass-pipeline", dest="passes", metavar="PASSES", help="the same as --passes")
        arg_parser.add_argument(
            "--mlir-print-ir-after-all", dest="print_between_passes", action="store_true", help="--print-between-passes"
        )
        arg_parser.add_argument("--mlir-timing", dest="time_passes", action="store_true", help="--time-passes")
        arg_parser.add_argument("--traceback", action="store_true", help="show where in the compiler an error arose")
        if {"-h", "--help"} & set(self.argv):
            arg_parser.formatter_class = argparse.RawDescriptionHelpFormatter
            arg_parser.epilog = self.explained()

    def explained(self) -> str:
        """What each pass and pipeline does, a line each."""
        lines = ["passes:"]
        for name, factory in self.available_passes.items():
            text = BORROWED.get(name) or (factory().__doc__ or "").strip().partition("\n")[0]
            lines.append(f"  {name:22} {text}")
        lines += ["", "pipelines:", *(f"  {name:22} {', '.join(members)}" for name, members in PIPELINES.items())]
        lines += ["", "targets: auto is triton for a module at the block level, and mlir otherwise"]
        return "\n".join(lines).replace("%", "%%")

    def setup_pipeline(self) -> None:
        started = time.perf_counter()

        def between(previous: ModulePass | None, module: ModuleOp, following: ModulePass | None) -> None:
            nonlocal started
            if self.args.time_passes and previous is not None:
                print(f"Pass {previous.name} took {time.perf_counter() - started} seconds")
            if not self.args.disable_verify:
                try:
                    verify(module)
                except CompileError as error:
                    if previous is not None:
                        error.message += f" (after {previous.name})"
                    raise
            if self.args.print_between_passes and previous is not None and following is not None:
                print(f"IR after {previous.name}:")
                Printer(stream=sys.stdout).print_op(module)
                print("\n\n\n")
            self.current = None if following is None else following.name
            started = time.perf_counter()

        self.pipeline = PassPipeline(pipeline(self.args.passes), between)

    def get_input_stream(self) -> tuple[IO[bytes], str]:
        if self.args.input_file == "-":
            self.args.input_file = None
        return super().get_input_stream()

    def parse_chunk(self, chunk: IO[bytes], file_extension: str, start_offset: int = 0) -> ModuleOp:
        name = self.get_input_name()
        return read(self.ctx, chunk.read(), name, start_offset, not self.args.no_implicit_module)

    def apply_passes(self, prog: ModuleOp) -> None:
        with collect() as remarks:
            try:
                super().apply_passes(prog)
            finally:
                for remark in remarks:
                    print(render(remark), file=sys.stderr)

    def output_resulting_program(self, prog: ModuleOp) -> str:
        asked = self.args.target
        if asked == "auto":
            self.args.target = "triton" if any(op.name.startswith("block.") for op in prog.walk()) else "mlir"
        try:
            return super().output_resulting_program(prog)
        finally:
            self.args.target = asked


def explain(error: BaseException, name: str, current: str | None) -> str:
    """``error`` as one line: ``file:line:col: error: message``."""
    match error:
        case CompileError():
            return str(error if error.location else CompileError(error.message, name))
        case ParseError():
            return f"{error.span.get_location()}: error: {error.msg}"
        case RecursionError():
            return f"{name}: error: nested too deeply"
        case OSError():
            return f"{error.filename or name}: error: {error.strerror or error}"
        case ArgSpecParseError():
            return f"flashlight-opt: error: {str(error).strip().rpartition(chr(10))[2].strip()}"
        case DiagnosticException() | ValueError():
            return f"{name}: error: {f'pass {current}: ' if current else ''}{error}"
        case _:
            where = f" in pass {current}" if current else ""
            return f"{name}: error: internal error{where}: {type(error).__name__}: {error}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; the result is the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    name, tool = "flashlight-opt", None
    try:
        tool = FlashlightOpt(argv)
        name = tool.get_input_name()
        tool.run()
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, ArgSpecParseError) as error:
        if "--traceback" in argv:
            raise
        print(one_line(explain(error, name, tool.current if tool else None)), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
