"""Pieces of assembly that several dialects share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import AnyFloat, Float64Type, IndexType
from xdsl.ir import Attribute, SSAValue, TypeAttribute
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.utils.exceptions import VerifyException


class Shaped(TypeAttribute, ABC):
    """A type that pointwise ops work on: a shape of some kind, and an element type."""

    if TYPE_CHECKING:  # a subclass declares it where its parameters stand: their order is that of the declarations
        element_type: Attribute

    @abstractmethod
    def with_element(self, element: Attribute) -> Attribute:
        """The same shape over another element type."""

    @abstractmethod
    def join(self, other: Shaped, order: Sequence[str] = ()) -> Attribute:
        """The shape that holds both, over this element type; raises VerifyException if there is none."""


def element_of(type: Attribute) -> Attribute:
    return type.element_type if isinstance(type, Shaped) else type


def with_element(type: Attribute, element: Attribute) -> Attribute:
    return type.with_element(element) if isinstance(type, Shaped) else element


def is_number(type: Attribute) -> bool:
    """A plain ``f64`` or ``index`` scalar: it takes the element type of the operand that it meets."""
    return isinstance(type, Float64Type | IndexType)


def is_float(type: Attribute) -> bool:
    return isinstance(element_of(type), AnyFloat)


def join(types: Sequence[Attribute], order: Sequence[str] = ()) -> Attribute:
    """The joint shape of several operands; ``order`` is the kernel's order of dims, for tiles."""
    shaped = [t for t in types if isinstance(t, Shaped)]
    if not shaped:
        return next((t for t in types if not is_number(t)), types[0])
    result = shaped[0]
    for t in shaped[1:]:
        if type(t) is not type(result):
            raise VerifyException(f"{t} and {result} are of different levels")
        joined = result.join(t, order)
        assert isinstance(joined, Shaped)
        result = joined
    return result


def parse_value(parser: Parser) -> SSAValue:
    """An operand that is already defined; its type is the definition's."""
    return resolve_value(parser, parser.parse_unresolved_operand())


def parse_optional_value(parser: Parser) -> SSAValue | None:
    operand = parser.parse_optional_unresolved_operand()
    return None if operand is None else resolve_value(parser, operand)


def resolve_value(parser: Parser, operand: UnresolvedOperand) -> SSAValue:
    values = parser.ssa_values.get(operand.operand_name)
    if values is None:
        parser.raise_error(f"%{operand.operand_name} is used before its definition", operand.span)
    if operand.index >= len(values):
        parser.raise_error(f"%{operand.operand_name} has {len(values)} results", operand.span)
    return values[operand.index]
