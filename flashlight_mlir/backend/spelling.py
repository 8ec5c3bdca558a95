"""How each scalar function is spelled in Triton: op -> a template over operands; and the dtypes and literals."""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf, isnan

from xdsl.dialects.builtin import (
    AnyFloat,
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    i1,
)
from xdsl.ir import Attribute

DTYPES: dict[type[Attribute], str] = {
    Float16Type: "float16",
    BFloat16Type: "bfloat16",
    Float32Type: "float32",
    Float64Type: "float64",
    IndexType: "int32",
}
INTEGERS: dict[Attribute, str] = {IntegerType(width): f"int{width}" for width in (1, 8, 16, 32, 64)}
SHORT = (Float16Type, BFloat16Type)


def dtype(element: Attribute) -> str:
    """``float32``, ``int64``, …; an ``index`` is an int32."""
    if element in INTEGERS:
        return INTEGERS[element]
    if type(element) in DTYPES:
        return DTYPES[type(element)]
    raise ValueError(f"no Triton dtype for {element}")


def literal(value: float) -> str:
    """The one way a number gets into the source."""
    if isinstance(value, bool | int):
        return f"({int(value)})" if value < 0 else str(int(value))
    if isnan(value):
        return 'float("nan")'
    if isinf(value):
        return 'float("inf")' if value > 0 else 'float("-inf")'
    text = repr(float(value))
    return f"({text})" if text.startswith("-") else text


@dataclass(frozen=True)
class Spelling:
    """Templates for floats, ints and bools (``{0}`` is the first operand); ``wide``: 16-bit floats are computed in f32."""

    float: str | None
    int: str | None = None
    bool: str | None = None
    wide: bool = False

    def of(self, element: Attribute) -> str | None:
        if isinstance(element, AnyFloat):
            return self.float
        if element == i1:
            return self.bool
        return self.int


def _same(text: str) -> Spelling:
    return Spelling(text, text, text)


def _unary(text: str) -> Spelling:
    return Spelling(text, wide=True)


SPELLING: dict[str, Spelling] = {
    "neg": Spelling("-{0}", "-{0}"),
    "abs": Spelling("tl.abs({0})", "tl.abs({0})", "{0}"),
    "sign": Spelling("({0} > 0).to({t}) - ({0} < 0).to({t})", "({0} > 0).to({t}) - ({0} < 0).to({t})"),
    "exp": _unary("exp({0})"),
    "exp2": _unary("tl.exp2({0})"),
    "expm1": _unary("expm1({0})"),
    "log": _unary("tl.log({0})"),
    "log2": _unary("tl.log2({0})"),
    "log1p": _unary("log1p({0})"),
    "sqrt": _unary("tl.sqrt_rn({0})"),
    "rsqrt": _unary("tl.rsqrt({0})"),
    "recip": _unary("quotient(1.0, {0})"),
    "tanh": _unary("tanh({0})"),
    "sigmoid": _unary("1.0 / (1.0 + tl.exp(-{0}))"),
    "erf": _unary("tl.erf({0})"),
    "atan": _unary("atan({0})"),
    "sin": _unary("tl.sin({0})"),
    "cos": _unary("tl.cos({0})"),
    "floor": Spelling("tl.floor({0})", "{0}", "{0}", wide=True),
    "ceil": Spelling("tl.ceil({0})", "{0}", "{0}", wide=True),
    "trunc": Spelling("truncated({0})", "{0}", "{0}", wide=True),
    "round": Spelling("rounded({0})", "{0}", "{0}", wide=True),
    "not": Spelling(None, "~{0}", "{0} == 0"),
    "isnan": Spelling("{0} != {0}", "{0} != {0}", "{0} != {0}"),
    "isinf": Spelling('tl.abs({0}) == float("inf")', "{0} != {0}", "{0} != {0}"),
    "cast": _same("{0}.to({t})"),
    "add": Spelling("{0} + {1}", "{0} + {1}", "{0} | {1}"),
    "sub": Spelling("{0} - {1}", "{0} - {1}"),
    "mul": Spelling("{0} * {1}", "{0} * {1}", "{0} & {1}"),
    "div": Spelling("quotient({0}, {1})", wide=True),
    "floordiv": Spelling("divfloor({0}, {1})", "floordiv({0}, {1})", wide=True),
    "mod": Spelling("mod({0}, {1})", "mod({0}, {1})", wide=True),
    "pow": Spelling("power({0}, {1})", wide=True),
    "max": Spelling("larger({0}, {1})", "tl.maximum({0}, {1})", "{0} | {1}", wide=True),
    "min": Spelling("smaller({0}, {1})", "tl.minimum({0}, {1})", "{0} & {1}", wide=True),
    "and": Spelling(None, "{0} & {1}", "{0} & {1}"),
    "or": Spelling(None, "{0} | {1}", "{0} | {1}"),
    "xor": Spelling(None, "{0} ^ {1}", "{0} ^ {1}"),
    "shl": Spelling(None, "{0} << {1}"),
    "shr": Spelling(None, "{0} >> {1}"),
    "lt": _same("{0} < {1}"),
    "le": _same("{0} <= {1}"),
    "gt": _same("{0} > {1}"),
    "ge": _same("{0} >= {1}"),
    "eq": _same("{0} == {1}"),
    "ne": _same("{0} != {1}"),
    "select": _same("tl.where({0}, {1}, {2})"),
}
"""A row for each row of ``pointwise.TABLE`` (a test says so); a kind of operand without a template is refused."""
