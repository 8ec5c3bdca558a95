"""``!loop.tile<b, i, j : f32>``: a value over named dims. No dims = the plain scalar type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import is_dim
from flashlight_mlir.dialects.syntax import Shaped


def parse_dim(parser: AttrParser) -> str:
    position = parser.pos
    name = parser.parse_identifier(" as a dim")
    if not is_dim(name):
        parser.raise_error(f"'{name}' is no dim ([a-z][a-z0-9_]*, at most 32, no keyword)", position)
    return name


@irdl_attr_definition
class TileType(ParametrizedAttribute, Shaped):
    """A value over named dims; their order is the kernel's (verified) and means nothing."""

    name = "loop.tile"
    dim_names: ArrayAttr[StringAttr]
    element_type: Attribute

    @property
    def dims(self) -> tuple[str, ...]:
        return tuple(d.data for d in self.dim_names)

    def verify(self) -> None:
        if len(set(self.dims)) != len(self.dims) or not self.dims:
            raise VerifyException("a tile has one or more dims, each once")
        if isinstance(self.element_type, Shaped):
            raise VerifyException("a tile's elements are scalars")

    def with_element(self, element: Attribute) -> Attribute:
        return TileType(self.dim_names, element)

    def join(self, other: Shaped, order: Sequence[str] = ()) -> Attribute:
        assert isinstance(other, TileType)
        a, b = self.dims, other.dims
        if set(b) <= set(a):
            return self
        if set(a) <= set(b):
            return other.with_element(self.element_type)
        if not set(a) | set(b) <= set(order):
            raise VerifyException(f"no order is known for the dims of {self} and {other}")
        return tile([d for d in order if d in a or d in b], self.element_type)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            dims = parser.parse_comma_separated_list(parser.Delimiter.NONE, lambda: parse_dim(parser))
            parser.parse_punctuation(":")
            return [ArrayAttr([StringAttr(d) for d in dims]), parser.parse_type()]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(", ".join(self.dims) + " : ")
            printer.print_attribute(self.element_type)


def tile(dims: Sequence[str], element: Attribute) -> Attribute:
    """``!loop.tile<dims : element>``, or the plain scalar if there are no dims."""
    return _tile(tuple(dims), element) if dims else element


@lru_cache(maxsize=1024)
def _tile(dims: tuple[str, ...], element: Attribute) -> TileType:
    """Kept: a kernel has few types and many values."""
    return TileType(ArrayAttr([StringAttr(d) for d in dims]), element)


def dims_of(type: Attribute) -> tuple[str, ...]:
    return type.dims if isinstance(type, TileType) else ()
