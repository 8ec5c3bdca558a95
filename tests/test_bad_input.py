"""Stranger's text and options: success, or one line that says where; never a traceback, never code that runs."""

import random
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashlight_mlir.tools.run_lines import Command, execute

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "filecheck").rglob("*.mlir"))

T = "!tensor_ext.tensor<S, 8 : f32>"


def kernel(name: str = "@k", argument: str = "%X", dims: str = "i = S, d = 8", index: str = "i, d", tile: str = "i, d") -> str:
    return f"""func.func @f(%x: {T}) -> {T} {{
  %r = loop.kernel {name}({argument} = %x) dims [{dims}] {{
    %0 = loop.load {argument}[{index}] : !loop.tile<{tile} : f32>
    loop.store %0, 0[i, d]
  }} : {T}
  func.return %r : {T}
}}"""


ATTACKS: dict[str, str | bytes] = {
    "empty": "",
    "nul": b"func.func @f() {\0}",
    "bom": b"\xef\xbb\xbfbuiltin.module {}",
    "bad utf-8": b'"a\xff"() : () -> ()',
    "bad utf-8 in a comment": b"// \xff\nbuiltin.module {}",
    "crlf": kernel().replace("\n", "\r\n"),
    "only newlines": "\n" * 10_000,
    "bidi": kernel("@\u202ek"),
    "look-alike": kernel("@ﬁ"),
    "use before definition": "func.func @f() -> f32 {\n  %y = arith.addf %x, %x : f32\n  %x = arith.constant 1.0 : f32\n  func.return %y : f32\n}",
    "own result": "func.func @f() {\n  %y = arith.addf %y, %y : f32\n  func.return\n}",
    "out of its region": kernel().replace("func.return %r", "func.return %0"),
    "undefined": "func.func @f() {\n  func.return %nope : f32\n}",
    "unclosed string": '"' + "a" * 100_000,
    "unclosed symbol": kernel('@"' + "k" * 1000),
    "5000 digits": f"func.func @f() {{\n  %0 = arith.constant {'9' * 5000} : i64\n  func.return\n}}",
    "extent of 5000 digits": kernel(dims=f"i = S, d = {'9' * 5000}"),
    "extent 0": kernel(dims="i = S, d = 0").replace("8", "0"),
    "extent -5": kernel(dims="i = S, d = -5"),
    "extent 2^31": kernel().replace("8", str(2**31)),
    "extent 2^63": kernel().replace("8", str(2**63)),
    "floordiv 0": kernel(index="i floordiv 0, d"),
    "mod 0": kernel(index="i mod 0, d"),
    "dim is a keyword": kernel(dims="if = S, d = 8", index="if, d", tile="if, d"),
    "dim is _": kernel(dims="_ = S, d = 8", index="_, d", tile="_, d"),
    "dim of 10 kB": kernel(dims=f"{'i' * 10_000} = S, d = 8"),
    "dims twice": kernel(dims="i = S, i = 8"),
    "splat of 10^15": "func.func @f() {\n  %0 = arith.constant dense<1> : tensor<1000000000000000xi64>\n  func.return\n}",
    "1e400": "func.func @f() {\n  %0 = arith.constant 1.0e400 : f32\n  func.return\n}",
    "nan payload": "func.func @f() {\n  %0 = arith.constant 0x7fc00001 : f32\n  func.return\n}",
    "float bits too long": "func.func @f() {\n  %0 = arith.constant 0xfffffffffffffffff : f32\n  func.return\n}",
    "nested modules": "builtin.module {" * 3000 + "}" * 3000,
    "nested types": "func.func @f(%x : " + "tensor<" * 3000 + ") {\n  func.return\n}",
    "nested brackets": kernel(index="(" * 3000 + "i" + ")" * 3000 + ", d"),
    "nested attributes": '"a"() {x = ' + "[" * 3000 + "]" * 3000 + "} : () -> ()",
    "symbol is code": kernel('@"k():\\n pass\\nimport os"'),
    "symbol leaves a docstring": kernel('@"\\"\\"\\"\\nimport os"'),
    "symbol is a path": kernel('@"../../etc/passwd"'),
    "symbol is a builtin": kernel("@__import__"),
    "argument names": kernel(argument="%tl.load"),
    "location with a newline": kernel() + ' loc("a\\nb: error: x":1:1)',
    "unknown op": '"os.system"() : () -> ()',
    "unknown type": "func.func @f(%x: !os.system<1>) {\n  func.return\n}",
    "10^4 ops": "func.func @f() {\n" + "  %0 = arith.constant 1 : i64\n" * 10_000 + "  func.return\n}",
}

OPTIONS = [
    "nope",
    "tile{",
    "tile{i=",
    "tile{i=-1}",
    "tile{i=0}",
    "tile{i=1e9}",
    "tile{i=999999999999}",
    "tile{i=" + "9" * 5000 + "}",
    "tile{warps=x}",
    "cse{i=1}",
    ",",
    "tile,,tile",
    "builtin.module(cse)",
    "[x]",
    "\n",
    "é",
]


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """A hang is a failure, not a wait."""

    def late(*_: object) -> None:
        raise pytest.fail.Exception(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def call(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    return execute(Command(("flashlight-opt", *argv)), stdin)


def assert_clean(code: int, out: str, err: str) -> None:
    errors = [line for line in err.splitlines() if ": remark [" not in line]
    if code == 0:
        assert not errors
    else:
        assert code == 1
        assert len(errors) == 1, err
        assert re.match(r"[^\n]+: error: .+", errors[0])
        assert "internal error" not in errors[0]


@pytest.mark.parametrize("target", ["mlir", "auto"])
@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name: str, target: str, tmp_path: Path) -> None:
    text = ATTACKS[name]
    file = tmp_path / "attack.mlir"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert_clean(*call("-t", target, str(file)))
    assert_clean(*call("-p", "canonicalize,cse,tile", "-t", target, str(file)))


@pytest.mark.parametrize("text", OPTIONS)
def test_options(text: str, tmp_path: Path) -> None:
    file = tmp_path / "good.mlir"
    file.write_text(kernel())
    code, out, err = call("-p", text, str(file))
    assert_clean(code, out, err)
    assert code == 1
    assert not out


@pytest.mark.parametrize(
    "argv", [["--nope"], ["-t", "nope"], ["-t", "{"], ["a", "b"], ["-f", "nope"], ["/nope.mlir"], ["/"], ["-o", "/no/pe"]]
)
def test_arguments(argv: list[str]) -> None:
    code, out, err = call(*argv, stdin="builtin.module {}")
    assert_clean(code, out, err)
    assert code == 1


def test_ten_thousand_passes(tmp_path: Path) -> None:
    assert_clean(*call("-p", ",".join(["cse"] * 10_000), stdin="builtin.module {}"))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("use before definition", ":2:3: error: arith.addf uses %x before"),
        ("nul", ":1:17: error: "),
        ("5000 digits", ":2:3: error: "),
    ],
)
def test_says_where(name: str, place: str, tmp_path: Path) -> None:
    text = ATTACKS[name]
    file = tmp_path / "attack.mlir"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert call(str(file))[2].startswith(f"{file}{place}")


def test_later_chunks_keep_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "two.mlir"
    file.write_text("builtin.module {}\n// -----\n" + str(ATTACKS["use before definition"]))
    assert call("--split-input-file", str(file))[2].startswith(f"{file}:4:3: error: ")
    code, out, _ = call("--split-input-file", "--verify-diagnostics", str(file))
    assert code == 0
    assert f"{file}:4:3: error: arith.addf uses %x" in out


def test_a_megabyte_costs_little(tmp_path: Path) -> None:
    file = tmp_path / "big.mlir"
    file.write_bytes(b"(" * 1_000_000)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))

    command = [sys.executable, "-m", "flashlight_mlir.tools.opt", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=10, preexec_fn=limit)
    assert_clean(done.returncode, done.stdout, done.stderr)


WORDS = [
    "%x",
    "@k",
    "i",
    "S",
    "0",
    "-1",
    "9" * 30,
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    ",",
    ":",
    "=",
    '"',
    "loop.yield",
    "\\",
    "é",
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    file=st.sampled_from(FILES), seed=st.integers(0, 2**32), edits=st.integers(1, 4), passes=st.sampled_from(["", "cse", "tile"])
)
def test_mutated_files(file: Path, seed: int, edits: int, passes: str) -> None:
    rng = random.Random(seed)
    tokens = re.findall(r"\s+|[\w.$]+|.", rng.choice(file.read_text().split("// -----")))
    for _ in range(edits):
        a, b = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        match rng.randrange(4):
            case 0:
                del tokens[a]
            case 1:
                tokens.insert(a, tokens[b])
            case 2:
                tokens[a], tokens[b] = tokens[b], tokens[a]
            case _:
                tokens[a] = rng.choice(WORDS)
    with limited(10):
        assert_clean(*call("-p", passes, "-t", "mlir", stdin="".join(tokens)))
