"""Kernels run in Triton's interpreter; ahead-of-time compilation takes a process of its own (``runtime/aot.py``)."""

import os

os.environ.setdefault("TRITON_INTERPRET", "1")

from flashlight_mlir.analysis import order

order.STRICT = True  # an application of a law that does not lower the order fails the test
