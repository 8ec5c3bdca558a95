# pyright: basic, reportAttributeAccessIssue=false
"""What a printed file needs to run by itself. Copied into it (``bridge.standalone``): nothing here may import this package."""

import inspect

import torch
import triton

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def is_wide(sizes, *tensors):
    """Whether an offset may need 64 bits; of each tensor, how far its tile's offsets move along each axis (None: all of it)."""
    reaches = (
        sum(s * (max(n, 1) if span is None else span) for n, s, span in zip(t.shape, t.stride(), spans, strict=True))
        for t, spans in tensors
    )
    return any(n > 2**26 for n in sizes) or any(reach >= 2**31 for reach in reaches)


def example(shape, stride, dtype):
    """Random values in the example's layout; integers are 0 or 1, which are positions in any table of two rows."""
    memory = 1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if all(shape) else 0
    if dtype == torch.bool:
        values = torch.rand(memory) < 0.8
    elif dtype.is_floating_point:
        values = torch.randn(memory, dtype=torch.float32).to(dtype)
    else:
        values = torch.randint(0, 2, (memory,), dtype=dtype)
    return values.to(DEVICE).as_strided(shape, stride)


def interpreter_loops():
    """NumPy 2.4 no longer turns arrays of one element into integers, which loops of Triton's interpreter rely on."""
    from triton.runtime import interpreter

    original = interpreter._patch_lang_tensor

    def patched(tensor, scope):
        original(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    interpreter._patch_lang_tensor = patched


def check(fused, eager, inputs):
    """Print each result's largest error against float64 beside eager's; 1 if one is more than rounding explains."""
    if triton.knobs.runtime.interpret:
        interpreter_loops()
    elif DEVICE.type == "cpu":
        print("there is no GPU; set TRITON_INTERPRET=1 to run the kernels in Triton's interpreter")
        return 2
    if triton.knobs.runtime.interpret and any(x.dtype == torch.bfloat16 for x in inputs):
        print("Triton's interpreter computes products of bfloat16 wrongly; a GPU is needed")
        return 2
    dtypes = dict.fromkeys(inspect.signature(eager).parameters.keys() & {"f16", "bf16", "f32"}, torch.float64)
    exact = eager(*(x.double() if x.dtype.is_floating_point else x for x in inputs), **dtypes)
    bad = False
    for k, (a, e, r) in enumerate(zip(fused(*inputs), eager(*inputs), exact, strict=True)):
        ours, theirs = error(a, r), error(e, r)
        finite = r[r.isfinite()].abs()
        largest = float(finite.max()) if finite.numel() else 1.0
        rounding = 4 * torch.finfo(e.dtype).eps * largest if e.dtype.is_floating_point else 0
        wrong = a.dtype != e.dtype or a.shape != e.shape or not ours <= 2 * theirs + rounding
        what = f"result {k}: {list(a.shape)} {a.dtype}, values up to {largest:.3g}"
        print(f"{what}, error {ours:.3g}, eager's {theirs:.3g}: {'WRONG' if wrong else 'ok'}")
        bad |= wrong
    return int(bad)


def error(actual, exact):
    """The largest difference; equal infinities and NaN in both are none."""
    a, e = actual.double(), exact.double()
    differences = torch.where((a == e) | (a.isnan() & e.isnan()), 0.0, (a - e).abs())
    return float(differences.max()) if differences.numel() else 0.0
