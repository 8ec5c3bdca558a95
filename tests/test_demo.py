"""The demo in a pipe: plain text, every stage, and numbers that hold."""

import re
import subprocess
import sys
import time
from pathlib import Path

from flashlight_mlir.tools.demo import size

ROOT = Path(__file__).parent.parent


def demo(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flashlight_mlir.tools.demo", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_the_demo_shows_every_level_and_runs() -> None:
    started = time.perf_counter()
    done = demo("--length", "70")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "\x1b" not in text
    order = [
        "== The program ==",
        "== 1. import ==",
        "== 2. fuse ==",
        "== 3. tile ==",
        "== 4. lower ==",
        "@triton.jit",
        "== The run ==",
    ]
    assert [text.index(t) for t in order] == sorted(text.index(t) for t in order)
    found = re.search(r"error against float64\s+(\S+)", text)
    assert found
    assert float(found[1]) < 5e-3
    assert re.search(r"between kernels, ours\s+0 B", text)
    assert re.search(r"through torch.compile\s+1 region fused into 1 kernel\n", text)
    assert re.search(r"never touched memory\s+[\d.]+ [KM]iB", text)
    assert time.perf_counter() - started < 60


def test_a_missing_program_is_one_line() -> None:
    done = demo("nowhere.py:f")
    assert done.returncode == 1
    assert done.stderr.strip() == "flashlight-demo: error: nowhere.py: no such file (the argument is FILE.py:FUNCTION)"


def test_sizes_are_spelled_for_people() -> None:
    assert [size(n) for n in (0, 1023, 2048, 3 * 2**20, 2**40)] == ["0 B", "1023 B", "2.0 KiB", "3.0 MiB", "1.0 TiB"]
