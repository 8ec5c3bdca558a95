"""Compile eager PyTorch into fused GPU kernels, level by level.

``flashlight_mlir.compile`` and ``explain`` are loaded when they are asked for: importing the package imports neither torch nor triton.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flashlight_mlir.bridge.explain import explain as explain
    from flashlight_mlir.compiler import compile as compile

_WHERE = {"compile": "flashlight_mlir.compiler", "explain": "flashlight_mlir.bridge.explain"}
__all__ = ["compile", "explain"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
