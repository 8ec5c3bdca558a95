"""Who may import whom, what a start may load, which words the compiler must not know, and how the house is kept."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flashlight_mlir.passes import ALL
from flashlight_mlir.passes.pipelines import PIPELINES, flatten

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "flashlight_mlir"
SOURCES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(p.relative_to(ROOT)) for p in SOURCES]

OURS = "flashlight_mlir."
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "dialects": (
        "torch",
        "triton",
        "passes",
        "analysis",
        "interpreters",
        "frontend",
        "backend",
        "runtime",
        "export",
        "bridge",
        "tools",
    ),
    "analysis": ("torch", "triton", "passes", "interpreters", "frontend", "backend", "runtime", "export", "bridge", "tools"),
    "passes": ("torch", "triton", "interpreters", "frontend", "backend", "runtime", "export", "bridge", "tools"),
    "backend": ("torch", "triton", "passes", "interpreters", "frontend", "runtime", "export", "bridge", "tools"),
    "interpreters": ("triton", "passes", "frontend", "backend", "runtime", "export", "bridge", "tools"),
    "frontend": ("triton", "passes", "interpreters", "backend", "runtime", "export", "bridge", "tools"),
    "export": ("triton", "passes", "analysis", "bridge", "tools"),
    "bridge": ("tools",),
    "runtime": ("passes", "interpreters", "frontend", "export", "bridge", "tools"),
}
"""Layer -> what none of its files may import, at the top or inside a function."""

VOCABULARY = re.compile(r"attention|softmax|causal|evoformer|sliding|alibi|flash(?!light)", re.IGNORECASE)
ALLOWED = "online-softmax"
"""The one exception: the literature's name of the pipeline (separate, fold)."""


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_imports_stay_in_their_layer(path: Path) -> None:
    layer = path.relative_to(PACKAGE).parts[0]
    for name in imports(ast.parse(path.read_text())):
        inner = name.removeprefix(OURS) if name.startswith(OURS) else None
        top = (inner or name).partition(".")[0]
        own = inner is not None or top in ("torch", "triton")
        assert not (own and top in FORBIDDEN.get(layer, ())), f"{layer} must not import {name}"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent == PACKAGE], ids=lambda p: p.name)
def test_the_compiler_does_without_the_bridge(path: Path) -> None:
    """The package's start knows where ``explain`` is, as text."""
    assert not any(name.startswith(OURS + "bridge") for name in imports(ast.parse(path.read_text()))) or path.name == "__init__.py"


def words(tree: ast.Module) -> set[str]:
    """Identifiers and string constants; docstrings are prose and may name their sources."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    docs |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    found: set[str] = set()
    for node in ast.walk(tree):
        for attribute in ("id", "attr", "name", "arg"):
            if isinstance(value := getattr(node, attribute, None), str):
                found.add(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            found.add(node.value)
    return found


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent != PACKAGE], ids=[n for n in NAMES if n.count("/") > 1])
def test_the_compiler_knows_no_model(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] not in ("dialects", "passes", "analysis"):
        pytest.skip("programs may name what they are")
    found = words(ast.parse(path.read_text()))
    assert not {w for w in found if VOCABULARY.search(w.replace(ALLOWED, ""))}


FOLDERS = [PACKAGE, *(ROOT / name for name in ("tests", "benchmarks", "examples", "docs", "filecheck"))]
TEXTS = sorted(
    {p for folder in FOLDERS for suffix in ("py", "md", "mlir") for p in folder.rglob(f"*.{suffix}")} | {*ROOT.glob("*.md")}
)
LEFT_OVER = re.compile(
    r"\b(TO[D]O|FIX[M]E|X[X]X)\b|\bbreak[p]oint\(|^(<{7}|>{7}) |(?<![\w.~/-])/(home|Users|root|work|mnt|scratch)/", re.MULTILINE
)
"""What nobody wants to read later: notes to oneself, marks of a merge, paths of one machine."""


@pytest.mark.parametrize("path", [p for p in TEXTS if p.suffix == ".py"], ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_left_over(path: Path) -> None:
    assert not LEFT_OVER.search(path.read_text())


@pytest.mark.parametrize("module", ["flashlight_mlir", "flashlight_mlir.tools.opt"])
def test_starts_without_torch(module: str) -> None:
    run_passes = "; from flashlight_mlir.tools.opt import passes, dialects; [f() for f in {**passes(), **dialects()}.values()]"
    code = f"import sys, {module}{run_passes}; print(*sorted({{'torch', 'triton'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("link", ["dialects", "passes"])
def test_links_are_links(link: str) -> None:
    assert (ROOT / link).is_symlink()
    assert (ROOT / link).readlink() == Path("flashlight_mlir") / link


@pytest.mark.parametrize("name", ALL)
def test_a_pass_has_one_name(name: str) -> None:
    module, _, cls = ALL[name].partition(":")
    _, _, folder, file = module.split(".")
    assert file == name.replace("-", "_")
    assert cls.lower() == name.replace("-", "") + "pass"
    assert (ROOT / "filecheck" / "passes" / folder / f"{name}.mlir").is_file()


def test_every_pass_file_is_a_pass() -> None:
    for path in (ROOT / "filecheck" / "passes").glob("*/*.mlir"):
        assert path.stem.removesuffix("-refuses") in {*ALL, *PIPELINES}


def test_every_pass_is_in_a_pipeline() -> None:
    assert set(ALL) <= {p for name in PIPELINES for p in flatten(name)}


def graph() -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports, anywhere in the file."""
    paths = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in SOURCES}
    found: dict[str, set[str]] = {}
    for name, path in paths.items():
        deps: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                deps |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                deps |= {m if (m := f"{node.module}.{a.name}") in paths else str(node.module) for a in node.names}
        found[name] = deps & paths.keys()
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    left = graph()
    while ready := [name for name, deps in left.items() if not deps & left.keys()]:
        for name in ready:
            del left[name]
    on_cycles = {n: sorted(d & left.keys()) for n, d in left.items() if any(n in e for e in left.values())}
    assert not on_cycles
