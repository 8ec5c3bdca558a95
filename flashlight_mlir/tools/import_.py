"""flashlight-import: a Python function as tensor-level IR.

    flashlight-import examples/causal.py:causal -o causal.mlir --shape q=2x16x1000x64 --dynamic q=2:S,k=2:S,v=2:S --dtype bf16

The example inputs come from the file's ``example_inputs(dtype=...)`` if it has one; ``--shape`` gives those of a parameter.
Without either, every parameter needs a ``--shape``. Mistakes are one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from flashlight_mlir.diagnostics import CompileError, one_line

DTYPES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32"}
_SHAPE = re.compile(r"([A-Za-z_]\w*)=(\d+(?:x\d+)*)?(?::(\w+))?\Z")
_DYNAMIC = re.compile(r"([A-Za-z_]\w*)=(\d+):([A-Za-z]\w*)\Z|([A-Za-z_]\w*)=(\d+)\Z")


class Mistake(Exception):
    """What the user should hear, on one line."""


def load(path: Path) -> ModuleType:
    """Run the file. It is the user's program, hence trusted."""
    if not path.is_file():
        raise Mistake(f"{path}: no such file")
    name = f"_flashlight_{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Mistake(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Dynamo looks up a function's globals there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as e:
        raise Mistake(f"{path}: {type(e).__name__}: {e}") from e
    return module


def find(target: str) -> tuple[ModuleType, Callable[..., Any]]:
    """``path/to/file.py:name``; the name may be left out if the file has a function named like itself."""
    path, colon, name = target.rpartition(":")
    if not colon:
        path, name = target, Path(target).stem
    module = load(Path(path))
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(n for n, v in vars(module).items() if inspect.isfunction(v) and not n.startswith("_"))
        raise Mistake(f"{path} has no function '{name}' (it has: {known})")
    return module, function


def parse_shapes(texts: Sequence[str]) -> dict[str, tuple[list[int], str | None]]:
    """``q=2x16x1000x64`` or, with a dtype of its own, ``ids=128:int64``; ``lam=`` is a tensor without axes."""
    out: dict[str, tuple[list[int], str | None]] = {}
    for text in texts:
        match = _SHAPE.match(text)
        if not match:
            raise Mistake(f"--shape wants name=2x16x64 or name=2x16:int64, got '{text}'")
        out[match[1]] = [int(n) for n in (match[2] or "").split("x") if n], match[3]
    return out


def parse_dynamic(texts: Sequence[str]) -> dict[str, dict[int, str | None]]:
    """``q=2:S,k=2:S`` (axis 2 of both is the size S), or ``q=2`` for a size without a name."""
    out: dict[str, dict[int, str | None]] = {}
    for text in (part for t in texts for part in t.split(",")):
        match = _DYNAMIC.match(text)
        if not match:
            raise Mistake(f"--dynamic wants name=axis:SIZE, got '{text}'")
        out.setdefault(match[1] or match[4], {})[int(match[2] or match[5])] = match[3]
    return out


def example_inputs(module: ModuleType, f: Callable[..., Any], dtype: str, shapes: dict[str, Any]) -> tuple[Any, ...]:
    import torch

    wanted = getattr(torch, DTYPES[dtype])
    names = list(inspect.signature(f).parameters)
    if unknown := shapes.keys() - set(names):
        raise Mistake(f"--shape names no parameter of the function: {', '.join(sorted(unknown))} (it has: {', '.join(names)})")
    make = getattr(module, "example_inputs", None)
    given: list[Any] = list(make(dtype=wanted)) if make and shapes.keys() != set(names) else [None] * len(names)
    for k, name in enumerate(names):
        if name in shapes:
            sizes, own = shapes[name]
            kind: Any = getattr(torch, DTYPES.get(str(own), str(own)), None) if own is not None else wanted
            if not isinstance(kind, torch.dtype):
                raise Mistake(f"--shape {name}: '{own}' is no dtype")
            old = given[k]
            if own is None and isinstance(old, torch.Tensor):
                kind = old.dtype
            if any(n >= 2**31 for n in sizes):
                raise Mistake(f"--shape {name}: sizes are below 2**31")
            given[k] = torch.empty(1, dtype=kind).expand(sizes)  # only its type is read
        elif k >= len(given) or (given[k] is None and make is None):
            raise Mistake(f"the file has no example_inputs: give --shape {name}=...")
    return tuple(given)


def dynamic_shapes(f: Callable[..., Any], axes: dict[str, dict[int, str | None]]) -> dict[str, Any] | None:
    from torch.export import Dim

    if not axes:
        return None
    names = list(inspect.signature(f).parameters)
    if unknown := axes.keys() - set(names):
        raise Mistake(f"--dynamic names no parameter: {', '.join(sorted(unknown))} (the function has: {', '.join(names)})")
    dims = {n: Dim(n) for n in sorted({n for by in axes.values() for n in by.values() if n})}
    return {name: {axis: dims[n] if n else Dim.AUTO for axis, n in axes.get(name, {}).items()} or None for name in names}


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="flashlight-import", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("target", help="file.py:function")
    p.add_argument("-o", "--output", default="-", help="where to write (default: stdout)")
    p.add_argument("--shape", action="append", default=[], metavar="NAME=2x16x64", help="sizes of one parameter")
    p.add_argument("--dtype", choices=sorted(DTYPES), default="f16", help="dtype of the inputs (default: %(default)s)")
    p.add_argument("--dynamic", action="append", default=[], metavar="NAME=AXIS:SIZE", help="sizes that are symbols")
    p.add_argument("--print-debuginfo", action="store_true", help="print each op's Python line")
    return p


def run(argv: Sequence[str] | None) -> None:
    args = parser().parse_args(argv)
    shapes, axes = parse_shapes(args.shape), parse_dynamic(args.dynamic)
    module, f = find(args.target)

    from xdsl.printer import Printer

    from flashlight_mlir.frontend.fx import import_function

    inputs = example_inputs(module, f, args.dtype, shapes)
    imported = import_function(f, inputs, dynamic_shapes(f, axes))
    if args.output == "-":
        Printer(sys.stdout, print_debuginfo=args.print_debuginfo).print_op(imported.module)
        print()
        return
    with open(args.output, "w", encoding="utf-8") as out:
        Printer(out, print_debuginfo=args.print_debuginfo).print_op(imported.module)
        out.write("\n")


def main(argv: Sequence[str] | None = None) -> int:
    try:
        run(argv)
    except SystemExit as e:  # argparse: its message is printed
        return 1 if e.code else 0
    except CompileError as e:
        print(e, file=sys.stderr)
    except (Mistake, OSError) as e:
        print(f"flashlight-import: error: {one_line(str(e))}", file=sys.stderr)
    except (Exception, KeyboardInterrupt) as e:
        print(f"flashlight-import: error: {type(e).__name__}: {one_line(str(e).split(chr(10))[0])}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
