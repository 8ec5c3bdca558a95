"""Layer normalisation: ``y = (x - mean(x)) / √(var(x) + ε) * w + b``.

Ba, Kiros, Hinton, Layer Normalization (2016).
"""

import torch
import torch.nn.functional as F


def layer_norm(x, weight, bias):
    return F.layer_norm(x, x.shape[-1:], weight, bias)


def example_inputs(dtype=torch.float16, rows=5, length=100):
    return tuple(torch.randn(*shape, dtype=dtype) for shape in ((rows, length), (length,), (length,)))
