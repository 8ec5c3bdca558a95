"""Options of the backend: ours, and those that are Inductor's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch


@dataclass(frozen=True)
class Options:
    """What a user can choose."""

    strict: bool = False
    """Raise where something would be left to Inductor because of an error of ours."""
    target: str | None = None
    """A GPU generation such as ``sm_90``; the GPU at hand if not given."""


def split(options: Mapping[str, Any] | None, mode: str | None) -> tuple[Options, dict[str, Any]]:
    """Our options and Inductor's; ValueError for one that is neither's."""
    from torch._inductor import config, list_mode_options

    ours = {f.name for f in fields(Options)}
    theirs: dict[str, Any] = {}
    if mode is not None and mode != "default":
        modes = list_mode_options()
        if mode not in modes:
            raise ValueError(f"backend 'flashlight': unknown mode {mode!r}; the modes are {', '.join(modes)}")
        theirs |= modes[mode]
    known = set(config.get_config_copy())
    for name, value in (options or {}).items():
        key = name.replace("-", "_")
        if key in ours:
            continue
        if key not in known:
            raise ValueError(
                f"backend 'flashlight': unknown option {name!r}; ours are {', '.join(sorted(ours))}, others are Inductor's"
            )
        theirs[key] = value
    return Options(**{k: v for k, v in (options or {}).items() if k in ours}), theirs


def target_at_hand() -> str:
    """The GPU at hand; ``sm_90`` where there is none."""
    if not torch.cuda.is_available():
        return "sm_90"
    major, minor = torch.cuda.get_device_capability()
    return f"sm_{major}{minor}"
