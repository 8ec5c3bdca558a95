# pyright: basic, reportAttributeAccessIssue=false
"""What a printed file needs to run by itself. Copied into it (``bridge.standalone``): nothing here may import this package."""

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
    """Print the largest difference of each result from eager's; 1 if one is more than rounding explains."""
    if triton.knobs.runtime.interpret:
        interpreter_loops()
    elif DEVICE.type == "cpu":
        print("there is no GPU; set TRITON_INTERPRET=1 to run the kernels in Triton's interpreter")
        return 2
    if triton.knobs.runtime.interpret and any(x.dtype == torch.bfloat16 for x in inputs):
        print("Triton's interpreter computes products of bfloat16 wrongly; a GPU is needed")
        return 2
    low = any(x.dtype.is_floating_point and x.itemsize < 4 for x in inputs)
    bad = False
    for k, (actual, expected) in enumerate(zip(fused(*inputs), eager(*inputs), strict=True)):
        a, e = actual.double(), expected.double()
        same = (a == e) | (a.isnan() & e.isnan())
        difference = torch.where(same, 0.0, (a - e).abs())
        worst = float(difference.max()) if a.numel() else 0.0
        finite = e[e.isfinite()]
        largest = float(finite.abs().max()) if finite.numel() else 1.0
        wrong = actual.dtype != expected.dtype or not worst <= (2e-2 if low or actual.itemsize < 4 else 1e-3) * largest
        verdict = "WRONG" if wrong else "ok"
        what = f"result {k}: {list(actual.shape)} {actual.dtype}"
        print(f"{what}, largest difference {worst:.3g} of values up to {largest:.3g}: {verdict}")
        bad |= wrong
    return int(bad)
