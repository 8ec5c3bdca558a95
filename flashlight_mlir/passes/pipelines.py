"""The compiler on one page: each pipeline is a list of passes, and driver, tools and tests read it from here."""

PIPELINES: dict[str, tuple[str, ...]] = {
    "fuse": (
        "canonicalize",
        "cse",
        "split-concats",
        "sink-reshapes",
        "form-kernels",
        "share-kernels",
        "substitute-indices",
        "merge-dims",
        "raise-contractions",
        "widen",
        "fold-indices",
        "narrow-indices",
        "canonicalize",
        "cse",
        "online-softmax",
        "exp2",
    ),
    "online-softmax": ("separate", "fold"),
    "tile": ("assign-roles", "choose-sizes", "bound-by-mask", "split-by-mask", "narrow-masks"),
    "lower": ("loop-to-block", "canonicalize", "cse"),
}
"""Pipeline name -> the passes (or pipelines) that it stands for."""


def flatten(name: str) -> tuple[str, ...]:
    """The passes that a name stands for: a pass is itself."""
    if name not in PIPELINES:
        return (name,)
    return tuple(p for member in PIPELINES[name] for p in flatten(member))
