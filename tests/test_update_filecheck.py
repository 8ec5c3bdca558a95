"""The tool that writes expected text: what it writes passes, a second run changes nothing, comments stay where they explain."""

from pathlib import Path

from flashlight_mlir.tools.run_lines import run, run_lines
from flashlight_mlir.tools.update_filecheck import main

BEFORE = """\
// RUN: flashlight-opt -p canonicalize %s | filecheck %s

// Twice the same.
// CHECK-LABEL: @twice
// it returns x
// CHECK-NEXT:    func.return %x : f32
// CHECK-NEXT:    nothing like this
func.func @twice(%x: f32) -> f32 {
  %dead = arith.addf %x, %x : f32
  func.return %x : f32
}
"""


def test_written_text_passes_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "case.mlir"
    file.write_text(BEFORE)
    assert main([str(file)]) == 0
    written = file.read_text()
    assert "nothing like this" not in written
    assert "// Twice the same.\n// CHECK-LABEL: @twice\n// it returns x\n// CHECK-NEXT:    func.return %x : f32\n" in written
    for commands in run_lines(file):
        run(commands)
    main([str(file)])
    assert file.read_text() == written
