"""Do the tests notice a wrong condition? Change one at a time, run the tests, list the changes that nothing noticed.

    python tests/mutants.py flashlight_mlir/passes/laws.py [--tests tests/test_laws.py ...] [--part 0/1]

In ``laws.py`` a mutant lacks one side condition; elsewhere a comparison is flipped, a boundary moves by one, ``and`` and
``or`` change places, or a ``not`` is gone. By hand only: a mutant takes some seconds.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ("tests/test_folds.py", "tests/test_laws.py", "tests/test_order.py", "tests/test_filecheck.py", "tests/test_rank_oracle.py")
FLIPPED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Lt: (ast.GtE, ast.LtE), ast.GtE: (ast.Lt, ast.Gt), ast.Gt: (ast.LtE, ast.GtE), ast.LtE: (ast.Gt, ast.Lt),
}  # fmt: skip


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Law" and len(node.args) > 3:
        where = node.args[3]
        assert isinstance(where, ast.Tuple)
        for k in range(len(where.elts)):
            new = copy.deepcopy(node)
            new.args[3] = ast.Tuple([e for n, e in enumerate(where.elts) if n != k], ast.Load())
            yield new
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            for other in FLIPPED[type(op)]:
                new = copy.deepcopy(node)
                new.ops[k] = other()
                yield new
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


class Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST):
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """What is changed, and the changed file."""
    for n, original in enumerate(ast.walk(ast.parse(source))):
        for k, new in enumerate(changes(original)):
            tree = ast.parse(source)
            node = list(ast.walk(tree))[n]
            line = getattr(node, "lineno", 0)
            replaced = Replace(node, list(changes(node))[k]).visit(tree)
            yield f"{line}: {ast.unparse(original)}  ->  {ast.unparse(new)}", ast.unparse(ast.fix_missing_locations(replaced))


def survives(root: Path, tests: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    env = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(command, cwd=root, env=env, capture_output=True, timeout=600).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--tests", nargs="+", default=list(TESTS))
    parser.add_argument("--part", default="0/1", help="k/n: every n-th mutant from the k-th")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    source = (ROOT / options.file).read_text()
    left, total = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        shutil.copytree(ROOT, root, symlinks=True, ignore=shutil.ignore_patterns(".git", "__pycache__", ".venv", ".pytest_cache"))
        for k, (what, text) in enumerate(mutants(source)):
            if k % parts != part:
                continue
            (root / options.file).write_text(text)
            total += 1
            if survives(root, options.tests):
                left += 1
                print(f"survives: {options.file}:{what}", flush=True)
    print(f"{total - left} of {total} mutants of {options.file} were noticed")


if __name__ == "__main__":
    main()
