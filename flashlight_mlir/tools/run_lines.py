"""The RUN lines of a FileCheck file, run in this process: the same commands that lit runs in a shell, thirty times faster.

A RUN line is a pipe of ``flashlight-opt`` and ``filecheck``; ``not`` in front of a command wants it to fail, ``2>&1`` joins its
stderr, and ``%s`` is the file.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

RUN = re.compile(r"^//\s*RUN:\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One command of a pipe."""

    argv: tuple[str, ...]
    fails: bool = False
    joined: bool = False

    @property
    def name(self) -> str:
        return self.argv[0]


def run_lines(path: Path) -> list[list[Command]]:
    """The pipes that the file asks for; a line that ends in a backslash goes on in the next."""
    text = re.sub(r"\\\n//\s*RUN:", " ", path.read_text())
    return [[_command(part, path) for part in _pipe(line)] for line in RUN.findall(text)]


def _pipe(line: str) -> list[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    lexer.commenters = ""
    parts: list[list[str]] = [[]]
    for token in lexer:
        if token == "|":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _command(words: list[str], path: Path) -> Command:
    fails = words[0] == "not"
    joined = "2>&1" in words
    argv = [w.replace("%s", str(path)) for w in words[fails:] if w != "2>&1"]
    return Command(tuple(argv), fails, joined)


def _opt(argv: list[str]) -> int:
    from flashlight_mlir.tools.opt import main

    return main(argv)


def _filecheck(argv: list[str]) -> int:
    from filecheck.main import main

    main(["filecheck", *argv])
    return 0


TOOLS: dict[str, Callable[[list[str]], int]] = {"flashlight-opt": _opt, "filecheck": _filecheck}


def run(commands: list[Command]) -> str:
    """The output of the pipe; an ``AssertionError`` when a command has not the exit code that it should have."""
    text = ""
    for command in commands:
        code, text, errors = execute(command, text)
        assert (code != 0) == command.fails, f"{shlex.join(command.argv)} gave exit code {code}\n{errors or text}"
    return text


def execute(command: Command, stdin: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    out = io.StringIO()
    err = out if command.joined else io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin.encode()))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = TOOLS[command.name](list(command.argv[1:]))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.stdin = before
    return code, out.getvalue(), "" if command.joined else err.getvalue()
