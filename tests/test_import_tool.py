"""``flashlight-import``: a file out, and one line for each mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from programs import programs

from flashlight_mlir.driver import parse
from flashlight_mlir.tools import import_

PROGRAMS = {p.name: p for p in programs()}


def test_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = str(PROGRAMS["causal"].path)
    out = tmp_path / "causal.mlir"
    shapes = [a for n in "qkv" for a in ("--shape", f"{n}=2x16x1000x64")]
    assert import_.main([f"{example}:causal", "-o", str(out), *shapes, "--dtype", "bf16", "--dynamic", "q=2:S,k=2:S,v=2:S"]) == 0
    assert "%q: !tensor_ext.tensor<2, 16, S, 64 : bf16>" in out.read_text()
    parse(out.read_text())
    assert import_.main([example, "--print-debuginfo"]) == 0
    assert re.search(r"pointwise.gt .* loc\(\".*causal.py\":13:33\)", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nowhere.py:f"], "nowhere.py: no such file"),
        (["CAUSAL:caus"], "has no function 'caus' (it has: causal, example_inputs)"),
        (["CAUSAL", "--shape", "q=a"], "--shape wants name=2x16x64"),
        (["CAUSAL", "--shape", "z=3"], "--shape names no parameter of the function: z (it has: q, k, v)"),
        (["CAUSAL", "--shape", "q=2:wat"], "'wat' is no dtype"),
        (["CAUSAL", "--dynamic", "q"], "--dynamic wants name=axis:SIZE"),
        (["CAUSAL", "--dynamic", "z=1:S"], "--dynamic names no parameter: z"),
        (["CAUSAL", "--dtype", "f64"], "invalid choice: 'f64'"),
        (["CAUSAL", "-o", "/no/such/folder/x"], "No such file or directory"),
        (["CAUSAL", "--shape", "q=2x3x17x5"], "torch.export cannot trace this"),
    ],
)
def test_tool_mistakes(args: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(PROGRAMS["causal"].path)
    assert import_.main([a.replace("CAUSAL", path) for a in args]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1 or err.startswith("usage:")
