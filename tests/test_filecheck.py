"""Every RUN line of every file under filecheck/."""

from pathlib import Path

import pytest

from flashlight_mlir.tools.run_lines import Command, run, run_lines

ROOT = Path(__file__).parent.parent / "filecheck"
FILES = sorted(ROOT.rglob("*.mlir"))
CASES = [
    pytest.param(commands, id=f"{path.relative_to(ROOT)}:{number}")
    for path in FILES
    for number, commands in enumerate(run_lines(path), 1)
]


@pytest.mark.parametrize("commands", CASES)
def test_run_line(commands: list[Command]) -> None:
    run(commands)


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_has_a_run_line_that_checks(path: Path) -> None:
    assert any(c.name == "filecheck" for commands in run_lines(path) for c in commands)
