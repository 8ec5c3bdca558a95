# pyright: basic, reportAttributeAccessIssue=false
"""Functions that printed kernels call where Triton has none, or one with other semantics. Copied into their source.

Python's floor division and remainder, reductions that keep NaN, and elementary functions that are accurate near zero.
"""

import triton
import triton.language as tl

INTERPRETED: tl.constexpr = tl.constexpr(triton.knobs.runtime.interpret)


@triton.jit
def larger(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def smaller(a, b):
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def times(a, b):
    return a * b


@triton.jit
def amax(x, axis: tl.constexpr):
    """Maximum along an axis; NaN if there is one (``tl.max`` drops it)."""
    if INTERPRETED:
        return tl.max(x, axis) + tl.sum(tl.where(x != x, x, 0.0), axis)
    else:
        return tl.reduce(x, axis, larger)


@triton.jit
def amin(x, axis: tl.constexpr):
    """Minimum along an axis; NaN if there is one."""
    if INTERPRETED:
        return tl.min(x, axis) + tl.sum(tl.where(x != x, x, 0.0), axis)
    else:
        return tl.reduce(x, axis, smaller)


@triton.jit
def prod(x, axis: tl.constexpr):
    return tl.reduce(x, axis, times)


@triton.jit
def mod(a, b):
    """Remainder with the divisor's sign, as Python's."""
    r = a % b
    return tl.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)


@triton.jit
def floordiv(a, b):
    """Quotient rounded down, as Python's."""
    return (a - mod(a, b)) // b


@triton.jit
def quotient(a, b):
    """Rounded once: ``/`` is off by up to 2 ulp in f32, and a mean of equal values has to be that value."""
    if (a + b).dtype == tl.float64:
        return a / b
    else:
        return tl.div_rn(a, b)


@triton.jit
def divfloor(a, b):
    """Floating-point quotient rounded down."""
    return tl.floor(a / b)


@triton.jit
def exp(x):
    """Cephes' polynomial after a reduction by ln 2: within 1 ulp, where ``tl.exp`` is off by |x| ulp and to one side."""
    n = tl.floor(x * 1.4426950408889634 + 0.5)
    r = (x - n * 0.693359375) + n * 2.12194440e-4
    p = 1.9875691500e-4 * r + 1.3981999507e-3
    p = p * r + 8.3334519073e-3
    p = p * r + 4.1665795894e-2
    p = p * r + 1.6666665459e-1
    p = p * r + 5.0000001201e-1
    y = (p * r * r + r + 1.0) * 2.0 * tl.exp2(n - 1.0)
    return tl.where(x < -104.0, 0.0, tl.where(x > 88.72283, float("inf"), y))


@triton.jit
def accumulated(a, b, acc):
    """``acc + a · b`` in f32, the product summed by itself: a long sum loses less in parts. Triton cannot see the zero, or would join them."""
    zero = tl.where(tl.program_id(0) < 0, 1.0, 0.0)
    return acc + tl.dot(a, b, tl.full(acc.shape, 0.0, tl.float32) + zero, input_precision="ieee")


@triton.jit
def tanh(x):
    """Cephes' polynomial near zero, else by one exponential: within 2 ulp."""
    z = x * x
    p = -5.70498872745e-3 * z + 2.06390887954e-2
    p = p * z - 5.37397155531e-2
    p = p * z + 1.33314422036e-1
    p = p * z - 3.33332819422e-1
    near = p * z * x + x
    t = tl.exp2(tl.abs(x) * -2.8853900817779268)
    far = 1.0 - 2.0 * t / (1.0 + t)
    return tl.where(tl.abs(x) < 0.625, near, tl.where(x < 0, -far, far))


@triton.jit
def atan(x):
    """Cephes' arc tangent."""
    y = tl.abs(x)
    big = y > 2.414213562373095
    mid = y > 0.4142135623730950
    base = tl.where(big, 1.5707963267948966, tl.where(mid, 0.7853981633974483, 0.0))
    u = tl.where(big, -1.0 / y, tl.where(mid, (y - 1.0) / (y + 1.0), y))
    z = u * u
    p = 8.05374449538e-2 * z - 1.38776856032e-1
    p = p * z + 1.99777106478e-1
    p = p * z - 3.33329491539e-1
    r = base + (p * z * u + u)
    return tl.where(x < 0, -r, r)


@triton.jit
def expm1(x):
    """Kahan's: exact rounding errors of exp and log cancel near zero."""
    u = tl.exp(x)
    small = (u - 1.0) * x / tl.log(u)
    return tl.where(u == 1.0, x, tl.where((tl.abs(x) < 0.5), small, u - 1.0))


@triton.jit
def log1p(x):
    """Kahan's, as expm1."""
    u = 1.0 + x
    return tl.where(u == 1.0, x, tl.where(tl.abs(x) < 0.5, tl.log(u) * x / (u - 1.0), tl.log(u)))


@triton.jit
def rounded(x):
    """To the nearest integer, ties to even."""
    r = tl.where(x < 0, (x - 8388608.0) + 8388608.0, (x + 8388608.0) - 8388608.0)
    return tl.where(tl.abs(x) < 8388608.0, r, x)


@triton.jit
def truncated(x):
    return tl.where(x < 0, tl.ceil(x), tl.floor(x))


@triton.jit
def power(x, y):
    """``x ** y`` in floating point; of a negative number only to an integer."""
    y = x * 0.0 + y
    r = tl.exp2(y * tl.log2(tl.abs(x)))
    whole = tl.floor(y) == y
    odd = tl.floor(y * 0.5) != y * 0.5
    r = tl.where(x < 0, tl.where(whole, tl.where(odd, -r, r), float("nan")), r)
    return tl.where(y == 0.0, 1.0, r)
