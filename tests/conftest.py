"""Kernels run in Triton's interpreter; ahead-of-time compilation takes a process of its own (``runtime/aot.py``)."""

import os

os.environ.setdefault("TRITON_INTERPRET", "1")
