"""What xDSL's own tools see of us."""

from xdsl.universe import XDSL_UNIVERSE

from flashlight_mlir.universe import UNIVERSE


def test_no_name_is_xdsls() -> None:
    assert not UNIVERSE.all_dialects.keys() & XDSL_UNIVERSE.all_dialects.keys()
    assert not UNIVERSE.all_passes.keys() & XDSL_UNIVERSE.all_passes.keys()
    assert not UNIVERSE.all_targets.keys() & XDSL_UNIVERSE.all_targets.keys()


def test_names_are_the_things_names() -> None:
    assert all(factory().name == name for name, factory in UNIVERSE.all_dialects.items())
    assert all(factory().name == name for name, factory in UNIVERSE.all_passes.items())
