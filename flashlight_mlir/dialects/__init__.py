"""The four levels, by name: each entry imports its dialect when it is asked for."""

from collections.abc import Callable

from xdsl.ir import Dialect


def _pointwise() -> Dialect:
    from flashlight_mlir.dialects.pointwise import Pointwise

    return Pointwise


def _tensor_ext() -> Dialect:
    from flashlight_mlir.dialects.tensor_ext import TensorExt

    return TensorExt


def _loop() -> Dialect:
    from flashlight_mlir.dialects.loop import Loop

    return Loop


def _block() -> Dialect:
    from flashlight_mlir.dialects.block import Block

    return Block


ALL: dict[str, Callable[[], Dialect]] = {
    "pointwise": _pointwise,
    "tensor_ext": _tensor_ext,
    "loop": _loop,
    "block": _block,
}
