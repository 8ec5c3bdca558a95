"""Memory and files after many variants at many shapes in one process, beside the same without our pass.

    python benchmarks/soak.py [--rounds 200]

Needs no GPU: graphs are run op by op, kernels in Triton's interpreter. What is left is told after each quarter; torch's own share
is what a process of its own holds that never calls our pass.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"
ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]


def loop(rounds: int, ours: bool, traced: bool) -> None:
    """One process."""
    import numpy as np
    import soak

    np.seterr(all="ignore")  # lanes that a mask drops, in the interpreter

    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        if traced:
            tracemalloc.start(1)
        last, quarter, start = None, rounds // 4, time.process_time()
        for k in range(4):
            regions = soak.rounds(quarter, ours, k * quarter)
            found, spent = soak.left(), time.process_time() - start
            print(f"  {(k + 1) * quarter:4} rounds, {regions:3} regions, {spent:4.0f} s: {found}", flush=True)
            if last is not None:
                print(
                    f"       since: resident {(found.resident - last.resident) / 2**20:+.1f} MiB, ours {(found.traced - last.traced) / 2**20:+.2f} MiB"
                )
                for name, n in [*(found.objects - last.objects).most_common(6), *(found.entries - last.entries).most_common(4)]:
                    print(f"       {n:+6} {name}")
            last = found
        print("  files left:", sorted(str(p) for p in Path(folder).rglob("*") if p.is_file()) or "none", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", choices=("ours", "torch", "traced"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        loop(args.rounds, args.only != "torch", args.only == "traced")
        return
    for only, title in (("ours", "with our pass"), ("torch", "without our pass"), ("traced", "with our pass, under tracemalloc")):
        print(title, flush=True)
        subprocess.run([sys.executable, __file__, "--only", only, "--rounds", str(args.rounds)], check=True)


if __name__ == "__main__":
    main()
