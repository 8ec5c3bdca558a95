"""The last gate before ``exec``: printed source holds only what a kernel needs."""

from __future__ import annotations

import ast
import re

NODES = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.AnnAssign, ast.For, ast.Expr, ast.Return, ast.Pass,
    ast.Name, ast.Load, ast.Store, ast.Constant, ast.Call, ast.keyword, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.IfExp, ast.Subscript, ast.Slice, ast.Tuple, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.BitAnd,
    ast.BitOr, ast.BitXor, ast.LShift, ast.RShift, ast.USub, ast.Invert, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip
IDENTIFIER = re.compile(r"(v|p|z|s|o|t|kernel_?)[0-9]+(_[0-9]+)?\Z|WIDE\Z|IDX\Z|tl\Z|float\Z|triton\Z|range\Z")
TL = frozenset({
    "abs", "advance", "arange", "broadcast_to", "cast", "cdiv", "ceil", "constexpr", "cos", "dot", "erf", "exp", "exp2",
    "expand_dims", "floor", "full", "load", "log", "log2", "max", "maximum", "min", "minimum", "program_id", "range", "reduce",
    "rsqrt", "sin", "sqrt_rn", "static_range", "store", "sum", "trans", "where", "int1", "int8", "int16", "int32", "int64",
    "float16", "bfloat16", "float32", "float64",
})  # fmt: skip
METHODS = frozenset({"to"})


class NotAllowed(Exception):
    """Printed source holds something that no kernel needs: a bug in the printer."""


def check(source: str, helpers: frozenset[str] = frozenset()) -> None:
    """Raise NotAllowed unless every node, name and attribute of ``source`` is one that the printer may write."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, NODES):
            raise NotAllowed(type(node).__name__)
        if isinstance(node, ast.Name) and not IDENTIFIER.match(node.id) and node.id not in helpers:
            raise NotAllowed(node.id)
        if isinstance(node, ast.FunctionDef | ast.arg):
            name = node.name if isinstance(node, ast.FunctionDef) else node.arg
            if not IDENTIFIER.match(name):
                raise NotAllowed(name)
        if isinstance(node, ast.Attribute):
            of_tl = isinstance(node.value, ast.Name) and node.value.id == "tl"
            decorator = isinstance(node.value, ast.Name) and node.value.id == "triton" and node.attr == "jit"
            if not ((of_tl and node.attr in TL) or decorator or (not of_tl and node.attr in METHODS)):
                raise NotAllowed(node.attr)
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value not in ("inf", "-inf", "nan", "ieee", "tf32")
        ):
            raise NotAllowed("a string")
