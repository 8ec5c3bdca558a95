"""Compile eager PyTorch into fused GPU kernels, level by level.

``flashlight_mlir.compile`` is loaded when it is asked for: importing the package imports neither torch nor triton.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flashlight_mlir.compiler import compile as compile

__all__ = ["compile"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        from flashlight_mlir import compiler

        return getattr(compiler, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
