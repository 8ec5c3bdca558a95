"""Sizes: torch's symbolic integers become index expressions over named symbols."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sympy  # pyright: ignore[reportMissingTypeStubs]
import torch
from torch.utils._sympy import functions
from torch.utils._sympy.symbol import SymT, symbol_is_type

from flashlight_mlir.diagnostics import CompileError
from flashlight_mlir.expr import Expr, call

_UNWANTED = re.compile(r"[^A-Za-z0-9_]")
_RESERVED = {"LO", "HI"}


def symbol_name(text: str) -> str | None:
    """A user's name for a size, as a size symbol (``seq`` -> ``SEQ``); None if nothing is left of it."""
    name = _UNWANTED.sub("", text).upper()[:32]
    return name if name[:1].isalpha() and name.isascii() else None


class Sizes:
    """Names torch's symbols: the user's for those in ``named``, else S0, S1, … in order of first use."""

    def __init__(self, named: Iterable[tuple[sympy.Symbol, str]] = ()):
        self.names: dict[sympy.Symbol, str] = {}
        for symbol, text in named:
            name = symbol_name(text)
            if name and symbol not in self.names and name not in self.names.values():
                self.names[symbol] = name

    def name(self, symbol: sympy.Symbol) -> str:
        if symbol not in self.names:
            taken, k = set(self.names.values()), 0
            while f"S{k}" in taken:
                k += 1
            self.names[symbol] = f"S{k}"
        return self.names[symbol]

    def expr(self, size: int | torch.SymInt | Any) -> Expr:
        if isinstance(size, int):
            return Expr.of(size)
        symbolic: Any = size
        return self._convert(symbolic.node.expr if isinstance(size, torch.SymInt) else symbolic)

    def shape(self, sizes: Iterable[int | torch.SymInt]) -> tuple[Expr, ...]:
        return tuple(map(self.expr, sizes))

    def _convert(self, e: Any) -> Expr:
        match e:
            case sympy.Integer():
                return Expr.of(int(e))
            case sympy.Symbol():
                if symbol_is_type(e, (SymT.UNBACKED_INT, SymT.UNBACKED_FLOAT)):
                    raise CompileError("a size that depends on the data is not supported")
                return Expr.of(self.name(e))
            case sympy.Add():
                return sum((self._convert(a) for a in e.args), Expr(()))
            case sympy.Mul():
                product = Expr.of(1)
                for a in e.args:
                    product = product * self._convert(a)
                return product
            case sympy.Pow(args=(base, sympy.Integer() as exponent)) if int(exponent) > 0:
                product = Expr.of(1)
                for _ in range(int(exponent)):
                    product = product * self._convert(base)
                return product
            case _:
                pass
        fn = _FUNCTIONS.get(e.__class__)
        if fn is None:
            raise CompileError(f"the size {e} is no polynomial, quotient, remainder, min or max of sizes")
        return call(fn, tuple(self._convert(a) for a in e.args))


_FUNCTIONS: Mapping[type, str] = {
    functions.FloorDiv: "floordiv",
    functions.CleanDiv: "floordiv",
    functions.Mod: "mod",
    functions.PythonMod: "mod",
    functions.Max: "max",
    functions.Min: "min",
    sympy.Max: "max",
    sympy.Min: "min",
}
