"""What Triton's interpreter needs beside Triton: NumPy 2.4 no longer turns arrays of one element into integers."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def patch() -> None:
    """Let the interpreter's scalars be loop bounds; harmless when repeated."""
    module: Any = import_module("triton.runtime.interpreter")
    original = module._patch_lang_tensor
    if getattr(original, "patched", False):
        return

    def position(scalar: Any) -> int:
        return int(scalar.handle.data.item())

    def patched(tensor: Any, scope: Any) -> None:
        original(tensor, scope)
        scope.set_attr(tensor, "__index__", position)

    patched.patched = True  # pyright: ignore[reportFunctionMemberAccess]: functions take any attribute
    module._patch_lang_tensor = patched
