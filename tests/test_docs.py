"""The ``Before:`` and ``After:`` of a pass are what the pass does, and the tables name things that exist."""

import importlib
import inspect
import io
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from programs import load, programs
from torch._dynamo.backends import registry
from xdsl.ir import Operation
from xdsl.printer import Printer
from xdsl.utils.arg_spec import ArgSpec

import flashlight_mlir
from flashlight_mlir.diagnostics import CompileError
from flashlight_mlir.driver import run_passes
from flashlight_mlir.frontend.fx import import_function
from flashlight_mlir.passes import ALL
from flashlight_mlir.passes.pipelines import PIPELINES
from flashlight_mlir.reader import read, verify
from flashlight_mlir.tools.opt import context, passes

ELIDED = "…"


def sections(name: str) -> dict[str, str]:
    """The indented blocks under ``Before:`` and ``After:`` of the pass's module; ``…`` stands for what is left out."""
    text = inspect.getdoc(importlib.import_module(ALL[name].partition(":")[0])) or ""
    return dict(re.findall(r"^(Before|After):\n((?:[ \t]+.*\n|\n)+)", text + "\n", re.MULTILINE))


def printed(op: Operation) -> str:
    out = io.StringIO()
    Printer(out).print_op(op)
    return out.getvalue()


def words(text: str) -> list[str]:
    return re.sub(r"^\s*builtin\.module \{(.*)\}\s*$", r"\1", text, flags=re.DOTALL).split()


@pytest.mark.parametrize("name", ALL)
def test_before_becomes_after(name: str) -> None:
    found = sections(name)
    if ELIDED in found["Before"] or "func.func" not in found["Before"]:
        pytest.skip("a sketch, not a program")
    ctx = context()
    module = read(ctx, found["Before"], f"{name}, Before")
    verify(module)
    passes()[name]().from_spec(ArgSpec(name, {})).apply(ctx, module)
    verify(module)
    actual = words(printed(module))
    if ELIDED not in found["After"]:
        after = read(ctx, found["After"], f"{name}, After")
        verify(after)
        assert actual == words(printed(after))
        return
    rest = " ".join(actual)
    for piece in found["After"].split(ELIDED):
        known = " ".join(piece.split())
        assert known in rest
        rest = rest[rest.index(known) + len(known) :]


@pytest.mark.parametrize("name", ALL)
def test_a_pass_explains_itself(name: str) -> None:
    cls = passes()[name]()
    module = inspect.getdoc(importlib.import_module(cls.__module__)) or ""
    assert cls.name == name
    assert (cls.__doc__ or "").strip().partition("\n")[0].endswith(".")
    assert "Refuses when" in module


ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_readme_s_program_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    path = tmp_path / "readme.py"
    path.write_text(code)
    load(path)
    out = capsys.readouterr().out
    assert "causal: 1 kernel for sm_90" in out
    assert "loop.fold" in out
    assert "tl.dot" in out


def test_the_readme_s_model_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the package is installed: the entry point that pyproject.toml declares is what torch knows as the backend."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["torch_dynamo_backends"]
    if "flashlight" not in torch._dynamo.list_backends():
        module, _, name = declared["flashlight"].partition(":")
        monkeypatch.setitem(registry._BACKENDS, "flashlight", None)
        monkeypatch.setitem(registry._COMPILER_FNS, "flashlight", getattr(importlib.import_module(module), name))
    _, code = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (expected,) = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "model.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    load(Path("model.py"))
    assert capsys.readouterr().out == expected


def test_the_readme_s_ir_is_the_compiler_s() -> None:
    program = next(p for p in programs() if p.name == "causal")
    imported = import_function(program.function, program.inputs())
    run_passes(imported.module, ["fuse"])
    rest = " ".join(str(imported.module).split())
    (code,) = re.findall(r"^```mlir\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for piece in code.split(ELIDED):
        known = " ".join(piece.split())
        assert known in rest
        rest = rest[rest.index(known) + len(known) :]


def relu_of_product(x, w):
    return torch.relu(x @ w)


def norm_then_product(x, w):
    return torch.nn.functional.layer_norm(x, x.shape[-1:]) @ w


def mean_deviation(x):
    return (x - x.mean(-1, keepdim=True)).abs().mean(-1)


def distances(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def dropout(x):
    return torch.dropout(x, 0.5, True).sum(-1)


def in_place(x):
    x.add_(1)
    return x.sum(-1)


def picked(x):
    return x[x > 0]


@pytest.mark.parametrize(("f", "shapes"), [
    (relu_of_product, ((17, 16), (16, 16))), (norm_then_product, ((17, 2000), (2000, 48))), (mean_deviation, ((17, 9000),)),
    (distances, ((17, 16), (5, 16))), (dropout, ((17, 16),)), (in_place, ((17, 16),)), (picked, ((17, 16),)),
])  # fmt: skip
def test_the_readme_says_why(f: Callable[..., torch.Tensor], shapes: tuple[tuple[int, ...], ...]) -> None:
    """Every remark of a refusal, and every error, of the README's table."""
    table = README.partition("## What compiles")[2].partition("\n## ")[0]
    try:
        remarks = flashlight_mlir.compile(f, *(torch.randn(s, dtype=torch.float16) for s in shapes)).remarks
        said = [f"refused: {r.text}" for r in remarks if r.refused]
    except CompileError as error:
        said = [f"error: {error.message}"]
    assert any(text in table for text in said), said


def test_the_readme_s_tree_is_there() -> None:
    tree = README.partition("## The tree")[2].partition("```\n")[2].partition("```")[0]
    names = re.findall(r"^( *)([\w./]+)  ", tree, re.MULTILINE)
    assert len(names) > 15
    assert all((ROOT / ("flashlight_mlir" if indent else "") / name).exists() for indent, name in names)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_architecture_lists_the_passes(name: str) -> None:
    assert f"| `{name}` | {', '.join(PIPELINES[name])} |" in (ROOT / "docs" / "architecture.md").read_text()


def test_links_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
