"""A file that shows a failure again: the region as tensor-level IR, with the pipeline in its first line."""

from __future__ import annotations

import os
import tempfile

from flashlight_mlir.bridge.regions import Region
from flashlight_mlir.frontend.region import import_nodes


def reproducer(region: Region, target: str) -> str | None:
    """The path of a new file; None if the region cannot even be imported."""
    try:
        module = import_nodes(region.nodes, region.inputs, region.constants, region.outputs).module
        handle, path = tempfile.mkstemp(prefix="flashlight-", suffix=".mlir")
        with os.fdopen(handle, "w") as file:
            file.write(f"// RUN: flashlight-opt --pass-pipeline=fuse,tile{{machine={target}}},lower %s\n{module!s}\n")
        return path
    except Exception:  # the report of a failure must not fail
        return None
