"""Write the expected text of FileCheck files again; a person reads the diff.

Only files that carry the note below are touched, or those named on the command line (which then get the note). Each function
of the input gets one ``CHECK-LABEL`` and a ``CHECK-NEXT`` for every line of its output, right above it. Comments stay: one that
stood above a check line stays above the same text, or else goes to the top of its function.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from flashlight_mlir.tools.run_lines import execute, run_lines

NOTE = "// NOTE: `make update-filecheck` writes the expected text of this file."
FUNCTION = re.compile(r"^(?:\s*)func\.func .*?@([\w.$-]+)")
CHECK = re.compile(r"^\s*//\s*CHECK(?:-LABEL|-NEXT|-SAME|-DAG|-NOT)?:\s?(.*)$")


def output_of(path: Path) -> str:
    """What the file's first RUN line hands to filecheck."""
    text = ""
    for command in run_lines(path)[0]:
        if command.name == "filecheck":
            break
        code, text, errors = execute(command, text)
        if (code != 0) != command.fails:
            raise SystemExit(f"{path}: {errors or text}")
    return text


def functions(output: str) -> dict[str, list[str]]:
    """The printed lines of each function, dedented."""
    found: dict[str, list[str]] = {}
    lines = iter(output.splitlines())
    for line in lines:
        if match := FUNCTION.match(line):
            indent = line[: len(line) - len(line.lstrip())]
            body = [line]
            while not body[-1].startswith(indent + "}"):
                body.append(next(lines))
            found[match[1]] = [x.removeprefix(indent) for x in body]
    return found


def checks(name: str, body: list[str], old: Sequence[str]) -> list[str]:
    """The check lines of one function, with the comments of ``old`` back in their places."""
    new = [f"// CHECK-LABEL: @{name}"] + [f"// CHECK-NEXT:  {escape(line)}" for line in body[1:]]
    above: dict[str, list[str]] = {}
    comments: list[str] = []
    for line in old:
        if match := CHECK.match(line):
            above.setdefault(match[1].strip(), []).extend(comments)
            comments = []
        else:
            comments.append(line)
    texts = {CHECK.sub(r"\1", line).strip() for line in new}
    lost = [c for text, cs in above.items() if text not in texts for c in cs]
    result = [*lost, *comments]
    for line in new:
        result += [*above.pop(CHECK.sub(r"\1", line).strip(), []), line]
    return result


def escape(line: str) -> str:
    """FileCheck reads ``{{`` and ``[[`` as its own."""
    return line.replace("{{", "{{\\{\\{}}").replace("[[", "{{\\[\\[}}")


def updated(text: str, output: str) -> str:
    """``text`` with the expected text of ``output``."""
    bodies = functions(output)
    lines: list[str] = []
    pending: list[str] = []
    for line in text.splitlines():
        if line.startswith("//") and not re.match(r"//\s*(RUN|NOTE|-----)", line):
            pending.append(line)
            continue
        if CHECK.match(line):  # inside a function: its new text stands above
            continue
        match = FUNCTION.match(line)
        lines += checks(match[1], bodies[match[1]], pending) if match and match[1] in bodies else pending
        lines.append(line)
        pending = []
    return "\n".join([*lines, *pending]) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Update the files named, or every file under filecheck/ that carries the note."""
    named = [Path(arg) for arg in (sys.argv[1:] if argv is None else argv)]
    for path in named or sorted(Path("filecheck").rglob("*.mlir")):
        text = path.read_text()
        if NOTE not in text:
            if not named:
                continue
            text = f"{NOTE}\n{text}"
        new = updated(text, output_of(path))
        if new != path.read_text():
            path.write_text(new)
            print(f"updated {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
