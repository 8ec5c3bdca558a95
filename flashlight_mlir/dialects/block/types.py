"""``!block.tile<128, 64 : f32>``: a positional block of a GPU program. No axes = the plain scalar type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from xdsl.dialects.builtin import DenseArrayBase, IntegerType, i64
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.syntax import Shaped

LARGEST = 2**20
"""The most elements that a block has (Triton's own limit)."""


@irdl_attr_definition
class BlockType(ParametrizedAttribute, Shaped):
    """Sizes are powers of two; an axis of size 1 repeats where a larger one meets it."""

    name = "block.tile"
    sizes: DenseArrayBase[IntegerType]
    element_type: Attribute

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.sizes.get_values())

    def verify(self) -> None:
        count = 1
        for size in self.shape:
            if size < 1 or size & (size - 1):
                raise VerifyException(f"a block's size is a power of two, got {size}")
            count *= size
        if not self.shape or count > LARGEST:
            raise VerifyException(f"a block has axes, and at most {LARGEST} elements")
        if isinstance(self.element_type, Shaped):
            raise VerifyException("a block's elements are scalars")

    def with_element(self, element: Attribute) -> Attribute:
        return BlockType(self.sizes, element)

    def join(self, other: Shaped, order: Sequence[str] = ()) -> Attribute:
        assert isinstance(other, BlockType)
        return block(joint_shape(self.shape, other.shape), self.element_type)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            sizes = parser.parse_comma_separated_list(
                parser.Delimiter.NONE, lambda: parser.parse_integer(allow_boolean=False, allow_negative=False)
            )
            parser.parse_punctuation(":")
            if any(size >= 2**31 for size in sizes):
                parser.raise_error("a block's size does not fit 32 bits")
            return [DenseArrayBase.from_list(i64, sizes), parser.parse_type()]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(", ".join(map(str, self.shape)) + " : ")
            printer.print_attribute(self.element_type)


def joint_shape(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """Equal ranks; sizes equal or 1."""
    if len(a) != len(b) or any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=False)):
        raise VerifyException(f"shapes {list(a)} and {list(b)} do not fit")
    return tuple(max(m, n) for m, n in zip(a, b, strict=True))


def block(shape: Sequence[int], element: Attribute) -> Attribute:
    """``!block.tile<shape : element>``, or the plain scalar if there are no axes."""
    return _block(tuple(shape), element) if shape else element


@lru_cache(maxsize=1024)
def _block(shape: tuple[int, ...], element: Attribute) -> BlockType:
    """Kept: a kernel has few types and many values."""
    return BlockType(DenseArrayBase.from_list(i64, shape), element)


def shape_of(type: Attribute) -> tuple[int, ...]:
    return type.shape if isinstance(type, BlockType) else ()
