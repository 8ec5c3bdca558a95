"""torch's caches across real processes: a hit runs our kernel without our pass; whatever changes it leads to a rebuild."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bridge import precision

from flashlight_mlir.bridge.graph_pass import FusePass
from flashlight_mlir.bridge.options import Options

HERE = Path(__file__).parent
TOLERANCE = 2e-6
GRAPHS = ("fxgraph", "aotautograd")
"""torch's folders of compiled graphs."""


def start(cache: Path, **given: Any) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TORCHINDUCTOR", "TORCH_"))}
    folders = {"TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"), "TRITON_CACHE_DIR": str(cache / "triton")}
    path = os.pathsep.join([str(HERE), str(HERE.parent)])
    return subprocess.Popen(
        [sys.executable, str(HERE / "bridge_process.py"), json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**env, **folders, "PYTHONPATH": path},
    )


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found = json.loads(out.splitlines()[-1])
    assert found["launches"] == 1
    assert found["bypasses"] == 0
    assert found["worst"] < TOLERANCE
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that one process has filled."""
    folder = tmp_path_factory.mktemp("cache")
    first = answer(start(folder, save=str(folder / "artifacts")))
    assert (first["passes"], first["regions"], first["hits"]) == (1, 1, 0)
    return folder


def test_a_second_process(cache: Path, tmp_path: Path) -> None:
    """Those that find the graph run the kernel without our pass; those that must not find it build it again."""
    running = {
        "same": start(cache),
        "other version": start(cache, source="another digest"),
        "other precision": start(cache, precision="tf32"),
        "artifacts": start(tmp_path, load=str(cache / "artifacts")),
    }
    found = {name: answer(process) for name, process in running.items()}
    for name in ("same", "artifacts"):
        assert found[name]["passes"] == found[name]["regions"] == 0, name
        assert found[name]["hits"] > 0, name
    for name in set(found) - {"same", "artifacts"}:
        assert found[name]["passes"] == found[name]["regions"] == 1, name
        assert found[name]["hits"] == 0, name


def test_a_folder_that_is_spoilt(cache: Path, tmp_path: Path) -> None:
    """Files cut short, folders that cannot be made, a disk without space: the kernel is built again, and is the right one.

    Only graphs: torch's own error is what a user sees, with us or without, where it cannot write or read back its generated Python.
    """
    short, closed, full = (tmp_path / name for name in ("short", "closed", "full"))
    shutil.copytree(cache / "inductor", short / "inductor")
    stored = [p for folder in GRAPHS for p in (short / "inductor" / folder).rglob("*") if p.is_file()]
    assert {p.relative_to(short / "inductor").parts[0] for p in stored} == set(GRAPHS)
    for path in stored:
        os.truncate(path, path.stat().st_size // 2)
    (closed / "inductor").mkdir(parents=True)
    for folder in GRAPHS:
        (closed / "inductor" / folder).touch()
    python = max(p.stat().st_size for p in (cache / "inductor").rglob("*.py"))
    assert python + 1 < min(p.stat().st_size for folder in GRAPHS for p in (cache / "inductor" / folder).rglob("*") if p.is_file())
    for process in (start(short), start(closed), start(full, largest=python + 1)):
        found = answer(process)
        assert (found["passes"], found["regions"], found["hits"]) == (1, 1, 0)
    assert not [p for folder in GRAPHS for p in (full / "inductor" / folder).rglob("*") if p.stat().st_size > python + 1]


def test_eight_at_once_and_one_killed(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(8)]
    try:
        processes[0].communicate(timeout=4)
    except subprocess.TimeoutExpired:
        processes[0].send_signal(signal.SIGKILL)
        processes[0].communicate()
    for process in processes[1:]:
        answer(process)
    assert answer(start(tmp_path))["passes"] == 0


def test_we_keep_no_cache(cache: Path) -> None:
    """All that is on the disk is torch's and Triton's."""
    assert {p.name for p in cache.iterdir()} <= {"inductor", "triton", "artifacts"}
    assert not [p for p in cache.rglob("*") if "flashlight" in p.name]


def test_uuid_is_what_our_result_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [FusePass(Options()).uuid()]
    assert seen == [FusePass(Options()).uuid()]
    seen.append(FusePass(Options(strict=True)).uuid())
    seen += [FusePass(Options(target=target)).uuid() for target in ("sm_80", "sm_100")]
    with precision("tf32"):
        seen.append(FusePass(Options()).uuid())
    for change in ("sources", "target_at_hand"):
        with monkeypatch.context() as patch:
            patch.setattr(f"flashlight_mlir.bridge.graph_pass.{change}", lambda: "another")
            seen.append(FusePass(Options()).uuid())
    with monkeypatch.context() as patch:
        patch.delenv("TRITON_INTERPRET")
        seen.append(FusePass(Options()).uuid())
    assert len(set(seen)) == len(seen)


def test_a_users_pass_without_a_name_is_not_cached() -> None:
    assert FusePass(Options(), then=lambda graph: None).uuid() is None
