"""Our dialects, passes and target for xDSL's own tools: ``xdsl-opt``, ``xdsl-gui`` and notebooks then know them.

Published as an entry point in ``pyproject.toml``. A name that xDSL has too would break every xDSL tool on the machine; a test
keeps the two apart.
"""

from xdsl.universe import Universe

from flashlight_mlir.dialects import ALL as DIALECTS
from flashlight_mlir.passes import ALL as PASSES
from flashlight_mlir.tools.opt import TritonTarget, passes

UNIVERSE = Universe(
    all_dialects=dict(DIALECTS),
    all_passes={name: factory for name, factory in passes().items() if name in PASSES},
    all_targets={"triton": lambda: TritonTarget},
)
