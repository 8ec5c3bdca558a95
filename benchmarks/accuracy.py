"""Claims 1 and 2 of the README on the GPU at hand: errors against float64 beside eager's, NaN and Inf where eager has them.

    python benchmarks/accuracy.py [--lengths 16384 4096 1000] [--json FILE]

Every program in examples/, in bf16, f16 and f32, over several lengths and kinds of data. A row that breaks a bound is printed.
At long lengths there are fewer heads, so that the reference's length x length tensors fit; what does not is counted apart.
Where eager overflows a 16-bit intermediate and float64 does not, a finite result of ours counts as right.
Claim 1: mean error <= 1.1 x eager's + u/8 (1.5 x in f32), max error <= 2 x eager's + u, u the rounding of the reference.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

import flashlight_mlir

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.programs import Program, programs

KINDS = ("x0.1", "x1", "x10", "huge", "equal", "offset")


def data(kind: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The example's inputs, scaled or spoilt as ``kind`` says."""

    def one(a: Any) -> Any:
        if not torch.is_tensor(a) or not a.is_floating_point() or a.dim() < 2:
            return a
        match kind:
            case "x0.1":
                return a * 0.1
            case "x10":
                return a * 10
            case "huge":
                b = a.clone()
                b.view(-1)[0] = 100.0
                return b
            case "equal":
                return torch.full_like(a, 0.5)
            case "offset":
                return a + 100 if a.dtype == torch.float16 else a + 1e4
            case _:
                return a

    return tuple(one(a) for a in args)


class Wide(TorchFunctionMode):
    """``x.float()`` of a float64 tensor stays float64, so that the reference of a program that names f32 is no f32 itself."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.float and args[0].dtype == torch.float64:
            return args[0]
        return func(*args, **(kwargs or {}))


def exact(f: Any, args: tuple[Any, ...]) -> Any:
    """What the program means, in float64."""
    with Wide():
        return f(*(a.double() if torch.is_tensor(a) and a.is_floating_point() else a for a in args))


def listed(x: Any) -> list[torch.Tensor]:
    return list(x) if isinstance(x, tuple | list) else [x]


def bounds(ours: torch.Tensor, eager: torch.Tensor, reference: torch.Tensor) -> str | None:
    """What is broken, or None."""
    overflow = ~torch.isfinite(eager) & torch.isfinite(reference.to(eager.dtype))
    for test in (torch.isnan, torch.isinf):
        differ = (test(ours) != test(eager)) & ~(overflow & torch.isfinite(ours))
        if differ.any():
            return f"{test.__name__} differs at {differ.sum().item()} of {ours.numel()}"
    finite = torch.isfinite(eager) & torch.isfinite(reference)
    if not finite.any():
        return None
    r = reference[finite].to(eager.dtype)
    u = 2 * (r + 0.3 - 0.3 - r).abs().max().double().item() if r.numel() else 0.0
    a, b = (ours.double() - reference)[finite].abs(), (eager.double() - reference)[finite].abs()
    factor = 1.5 if eager.dtype == torch.float32 else 1.1
    if a.mean() > factor * b.mean() + u / 8:
        return f"mean error {a.mean():.2e} against eager's {b.mean():.2e}"
    if a.max() > 2 * b.max() + u:
        return f"max error {a.max():.2e} against eager's {b.max():.2e}"
    return None


SCORES = 2**29
"""At most so many elements has a tensor of length x length: 4 GiB in float64, of which a reference holds several."""
COUNTS = ("batch", "rows", "groups", "heads", "kv_heads")


def sizes_for(inputs: Callable[..., Any], length: int | None) -> dict[str, int]:
    """The program's sizes at a length: head dims that are a multiple of 64 and one that is not, fewer heads where it is long."""
    parameters = inspect.signature(inputs).parameters
    sizes = {"length": length} if length else {}
    if "d" in parameters:
        sizes["d"] = 80 if length == 100 else 64
    if "rows" in parameters and "heads" not in parameters:
        sizes["rows"] = 64  # rows alone are samples: of five, one rounding decides the mean
    elif length:
        counts = {n: p.default for n, p in parameters.items() if n in COUNTS}
        for name in counts:
            others = prod(counts.values()) // counts[name]
            counts[name] = max(1, min(counts[name], SCORES // (length**2 * others)))
        sizes |= counts
    return sizes


def check(program: Program, dtype: torch.dtype, sizes: dict[str, int]) -> list[dict[str, Any]]:
    torch.manual_seed(0)
    base = tuple(a.cuda() if torch.is_tensor(a) else a for a in program.inputs(dtype=dtype, **sizes))
    compiled = flashlight_mlir.compile(program.function, *base)
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        args = data(kind, base)
        ours, eager, reference = (listed(x) for x in (compiled(*args), program.function(*args), exact(program.function, args)))
        for k, (a, b, c) in enumerate(zip(ours, eager, reference, strict=True)):
            rows.append({"kind": kind, "output": k, "broken": bounds(a, b, c.double())})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="write every row to this file")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1000, 100, 17, 1])
    parser.add_argument("--part", default="0/1", help="k/n: every n-th case from the k-th, to run several processes")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    case = missing = 0
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    results: list[dict[str, Any]] = []
    for program in programs():
        lengths = options.lengths if "length" in inspect.signature(program.inputs).parameters else [None]
        for dtype in (torch.bfloat16, torch.float16, torch.float32):
            for length in lengths:
                case += 1
                if case % parts != part:
                    continue
                sizes = sizes_for(program.inputs, length)
                head = {"program": program.name, "dtype": str(dtype).removeprefix("torch."), **sizes}
                try:
                    rows = check(program, dtype, sizes)
                except torch.OutOfMemoryError:
                    print({**head, "missing": "out of memory"}, flush=True)
                    missing += 1
                    continue
                except Exception:  # a crash is a result of this table
                    rows = [{"kind": "all", "output": 0, "broken": traceback.format_exc()[-600:]}]
                results += [head | row for row in rows]
                for row in rows:
                    if row["broken"]:
                        print({**head, **row}, flush=True)
    bad = sum(1 for r in results if r["broken"])
    print(
        f"{len(results) - bad} of {len(results)} rows within the bounds"
        + f"; {missing} cases not measured: out of memory" * (missing > 0)
    )
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
