"""``torch.compile(f, backend="flashlight")``: the entry point, options, sizes that change, strides and layouts."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from bridge import assert_same, compiled, fused, qkv, regions, reports, softcap
from torch._dynamo.utils import counters
from torch._inductor import config

from flashlight_mlir.bridge.options import Options, split

ROOT = Path(__file__).parent.parent


def test_a_fresh_environment_lists_us(tmp_path: Path) -> None:
    """What pip builds and installs from these sources, without anything else of this folder."""
    source, installed = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(ROOT / "flashlight_mlir", source / "flashlight_mlir", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    built = subprocess.run([*pip, str(installed), str(source)], capture_output=True, text=True, check=False)
    if "No module named pip" in built.stderr or "BackendUnavailable" in built.stderr:
        pytest.skip(f"pip and setuptools are not at hand: {built.stderr.strip().splitlines()[-1]}")
    assert built.returncode == 0, built.stderr
    code = (
        "import torch; assert 'flashlight' in torch._dynamo.list_backends()\n"
        "def f(q): return torch.softmax(torch.tanh(q @ q.mT), -1) @ q\n"
        "q = torch.randn(2, 20, 16)\n"
        "torch.testing.assert_close(torch.compile(f, backend='flashlight', options={'target': 'sm_80'})(q), f(q))\n"
        "import flashlight_mlir; print(flashlight_mlir.__file__)\n"
        "from torch._dynamo.utils import counters; print(dict(counters['flashlight_mlir']))"
    )
    env = {**os.environ, "PYTHONPATH": str(installed), "TRITON_INTERPRET": "1", "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(str(installed))
    assert "'regions': 1, 'kernels': 1" in done.stdout
    assert "'launches': 1" in done.stdout


def test_options_are_ours_or_inductors() -> None:
    ours, theirs = split({"strict": True, "target": "sm_80", "max_autotune": False, "triton.cudagraphs": True}, None)
    assert ours == Options(strict=True, target="sm_80")
    assert theirs == {"max_autotune": False, "triton.cudagraphs": True}
    assert split(None, None) == split({}, "default") == (Options(), {})
    assert split(None, "reduce-overhead")[1] == {"triton.cudagraphs": True}
    assert split(None, "max-autotune")[1]["max_autotune"] is True
    assert split({"max_autotune": False}, "max-autotune")[1]["max_autotune"] is False


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"options": {"stirct": True}}, r"unknown option 'stirct'; ours are strict, target, others are Inductor's"),
        ({"mode": "fast"}, r"unknown mode 'fast'; the modes are default, "),
    ],
)
def test_what_is_unknown_is_one_error(given: dict[str, object], message: str) -> None:
    """Dynamo shows it as the backend's error."""
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.BackendCompilerFailed, match=f"ValueError: backend 'flashlight': {message}"):
        compiled(torch.sin, **given)(torch.ones(3))


def test_mode_and_options_reach_inductor(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr("flashlight_mlir.bridge.graph_pass.write_artifacts", lambda _: seen.append(config.triton.cudagraphs))
    for given in ({}, {"mode": "reduce-overhead"}, {"options": {"triton.cudagraphs": True}}):
        torch._dynamo.reset()
        with config.patch(fx_graph_cache=False):
            compiled(lambda x: x + len(seen), **given)(torch.ones(3))
    assert seen == [False, True, True]


def test_a_pass_of_the_users_runs_after_ours() -> None:
    found: list[str] = []
    with reports() as ours, config.patch(joint_custom_pre_pass=lambda graph: found.append(str(graph))):
        compiled(softcap)(*qkv())
    assert regions(ours) == 1
    assert "flashlight_mlir.kernel" in found[0]


LENGTHS = [19, 2, 3, 5, 7, 8, 13, 16, 17, 23, 31, 32, 33, 48, 61, 64, 65, 96, 100, 127]


@pytest.mark.parametrize("dynamic", [True, None])
def test_twenty_lengths_compile_twice_at_most(dynamic: bool | None) -> None:
    with reports() as found:
        run = fused(softcap, dynamic=dynamic)
        for length in LENGTHS:
            inputs = qkv(length)
            assert_same(run(*inputs), softcap(*inputs))
    assert len(found) == counters["stats"]["unique_graphs"] == (1 if dynamic else 2)
    assert regions(found) == len(found)


def test_lengths_0_and_1() -> None:
    """Dynamo specialises both: they have graphs of their own."""
    with reports():
        run = fused(softcap, dynamic=True)
        for length in (19, 0, 1, 20, 1, 0):
            inputs = qkv(length)
            assert_same(run(*inputs), softcap(*inputs))


def test_queries_and_keys_of_other_lengths() -> None:
    with reports() as found:
        run = fused(softcap, dynamic=True)
        for n, m in ((19, 33), (33, 19), (2, 100), (70, 3)):
            q, (_, k, v) = qkv(n)[0], qkv(m)
            assert_same(run(q, k, v), softcap(q, k, v))
    assert len(found) == regions(found) == 1


def test_the_head_dim_is_specialised() -> None:
    with reports() as found:
        run = fused(softcap, dynamic=True)
        for d in (16, 24, 16, 24):
            inputs = qkv(19, d)
            assert_same(run(*inputs), softcap(*inputs))
    assert len(found) == regions(found) == 2


def permuted(x: torch.Tensor, order: tuple[int, ...]) -> torch.Tensor:
    """The same values, with axes in ``order`` in memory."""
    return x.permute(order).contiguous().permute([order.index(k) for k in range(x.dim())])


def window(x: torch.Tensor) -> torch.Tensor:
    """The same values at an offset inside of a larger tensor, every second row."""
    shape = [n + 3 for n in x.shape[:-1]]
    shape[2] = 2 * x.shape[2] + 1
    larger = torch.full((*shape, x.shape[-1] + 5), torch.nan)
    view = larger[1 : 1 + x.shape[0], 2 : 2 + x.shape[1], 1 : 1 + 2 * x.shape[2] : 2, 3 : 3 + x.shape[3]]
    return view.copy_(x)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    **{"".join("BHSD"[k] for k in p): lambda x, p=p: permuted(x, p) for p in itertools.permutations(range(4))},
    "window": window,
    "one head": lambda x: x[:, :1].contiguous().expand(x.shape),
    "one row": lambda x: x[:, :, :1].contiguous().expand(x.shape),
    "one element": lambda x: x[:1, :1, :1, :1].clone().expand(x.shape),
}


@pytest.mark.parametrize("dynamic", [True, False])
def test_strides_on_the_first_call_and_the_next(dynamic: bool) -> None:
    """Each call has other strides than the one before, for each input; results have those that eager gives them."""
    names = list(LAYOUTS)[:: 5 if dynamic else 1]
    with reports() as found, torch._dynamo.config.patch(recompile_limit=100):
        run = fused(softcap, dynamic=dynamic)
        for n, name in enumerate(names):
            q, k, v = qkv()
            inputs = [LAYOUTS[name](q), LAYOUTS[names[(n * 5 + 3) % len(names)]](k), LAYOUTS[names[-n]](v)]
            assert_same(run(*inputs), softcap(*inputs))
    assert regions(found) == len(found)


@pytest.mark.parametrize(
    "after",
    [
        lambda o: o.transpose(1, 2),
        lambda o: o.transpose(1, 2) + 1,
        lambda o: o.permute(3, 0, 2, 1) * 2,
        lambda o: o[..., 2:9],
        lambda o: o.transpose(1, 2).flatten(2),
        lambda o: o[:, 0],
        lambda o: (o, o.mT, o.mT + 1),
        lambda o: (o.mT + 1).sum(0),
        lambda o: o[None].expand(3, -1, -1, -1, -1),
        lambda o: torch.as_strided(o + 1, (4, 3), (16, 2), 5),
    ],
)
def test_results_have_eagers_layout(after: Callable[[torch.Tensor], torch.Tensor]) -> None:
    def f(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return after(softcap(q, k, v))

    inputs = qkv()
    with reports() as found:
        assert_same(compiled(f)(*inputs), f(*inputs))
    assert regions(found) == 1
