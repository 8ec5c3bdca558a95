"""Many variants at many shapes in one process, and what they leave behind: in memory, on the disk, in our modules.

torch itself keeps something of every graph that it compiles, so our share is told apart by what is counted: live objects whose
type is ours or xDSL's, memory that our lines or xDSL's allocated, and the same loop without our pass.
"""

from __future__ import annotations

import gc
import linecache
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from bridge import fused, unfused
from torch._dynamo.utils import counters

from flashlight_mlir.bridge.graph_pass import COUNTERS

T = torch.Tensor
OURS = ("flashlight_mlir", "xdsl")
MIN = torch.finfo(torch.float32).min


def plain(s: T, *_: Any) -> T:
    return s


def softcapped(s: T, k: int, *_: Any) -> T:
    return (2 + k) * torch.tanh(s / 20)


def masked(s: T, k: int, i: T, j: T) -> T:
    return s.masked_fill((j > i) | (j < i - k), -torch.inf)


def biased(s: T, k: int, i: T, j: T) -> T:
    return s + (1.0 - (j <= i + k).float()) * MIN


def distances(s: T, k: int, i: T, j: T) -> T:
    return s - 0.1 * (k + 1) * (i - j).abs()


def weights(s: T) -> T:
    return torch.softmax(s, -1)


def sigmoids(s: T) -> T:
    return torch.sigmoid(s)


def by_hand(s: T) -> T:
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


CHANGES, NORMS = (softcapped, masked, biased, distances, plain), (weights, sigmoids, by_hand)


def variants() -> Iterator[Callable[[T, T, T], T]]:
    """Without end, and no two alike."""
    for k, (change, norm) in ((k, pair) for k in range(10**6) for pair in product(CHANGES, NORMS)):

        def f(q: T, keys: T, v: T, change: Any = change, norm: Any = norm, k: int = k) -> T:
            i, j = torch.arange(q.shape[-2])[:, None], torch.arange(keys.shape[-2])
            return norm(change(q @ keys.mT / (4 + k), k, i, j)) @ v

        yield f


@dataclass(frozen=True)
class Left:
    """What there is after a number of rounds, after a garbage collection."""

    objects: Counter[str]
    """Live objects by type, of ours and xDSL's."""
    entries: Counter[str]
    """Entries of each container that one of our modules holds."""
    traced: int
    """Bytes that lines of ours and xDSL's allocated and that are still held (0 where tracemalloc is off)."""
    resident: int
    """Bytes of the process."""
    lines: int
    """Bytes of kernels' text that linecache holds for tracebacks."""

    def __str__(self) -> str:
        mib = 2**20
        return (
            f"resident {self.resident / mib:.1f} MiB, ours {self.traced / mib:.2f} MiB, objects {self.objects.total()}, "
            f"entries {self.entries.total()}, text {self.lines / mib:.2f} MiB"
        )


def rounds(count: int, ours: bool = True, start: int = 0) -> int:
    """Compile and run variants ``start`` to ``start + count``, no two at the same shape; the regions that became kernels."""
    before = counters[COUNTERS]["regions"]
    every = variants()
    for n, f in zip(range(start + count), every, strict=False):
        if n < start:
            continue
        rows, keys, width = 3 + n % 61, 2 + n * 7 % 67, (16, 24, 32)[n % 3]
        q, k, v = torch.randn(1, 2, rows, width), torch.randn(1, 2, keys, width), torch.randn(1, 2, keys, width)
        run = (fused if ours else unfused)(f, dynamic=n % 2 == 0)
        with torch.no_grad():
            torch.testing.assert_close(run(q, k, v), f(q, k, v), atol=1e-5, rtol=1e-4, equal_nan=True)
        torch._dynamo.reset()
    return counters[COUNTERS]["regions"] - before


def left() -> Left:
    gc.collect()
    objects = Counter(f"{t.__module__}.{t.__qualname__}" for t in map(type, gc.get_objects()) if str(t.__module__).startswith(OURS))
    entries = Counter[str]()
    for name, module in list(sys.modules.items()):
        if not name.startswith("flashlight_mlir"):
            continue
        for key, value in vars(module).items():
            if isinstance(value, dict | list | set) and not key.startswith("__"):
                entries[f"{name}.{key}"] = len(value)
            elif hasattr(value, "cache_info") and value.__module__ == name:
                entries[f"{name}.{key}"] = value.cache_info().currsize
    filters = [tracemalloc.Filter(True, f"*/{package}/*") for package in OURS]
    held = tracemalloc.take_snapshot().filter_traces(filters) if tracemalloc.is_tracing() else None
    lines = sum(entry[0] for file, entry in linecache.cache.items() if file.startswith("<flashlight "))
    return Left(objects, entries, sum(t.size for t in held.traces) if held else 0, resident(), lines)


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
