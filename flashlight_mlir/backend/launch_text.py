"""The launch of a printed kernel as Python source: results are allocated, sizes and strides are read off the arguments.

Names are numbers, as in the kernel: tensors ``p0``, … (inputs, then results), sizes ``z0``, ….
"""

from __future__ import annotations

from flashlight_mlir.backend.source import KernelSource, Tensor
from flashlight_mlir.expr import Atom, Expr, Name

DTYPES = {
    "int1": "torch.bool",
    **{n: f"torch.{n}" for n in ("int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")},
}


def launch_text(kernel: KernelSource, name: str) -> str:
    """``def name(p0, …, z0, …)``, which returns a tuple of the results."""
    names = {symbol: f"z{k}" for k, symbol in enumerate(kernel.symbols)}
    inputs = len(kernel.inputs)
    tensors = [f"p{k}" for k in range(inputs + len(kernel.outputs))]
    results = tensors[inputs:]
    lines = [f"def {name}({', '.join((*tensors[:inputs], *names.values()))}):"]
    for out, tensor in zip(results, kernel.outputs, strict=True):
        shape = "[" + ", ".join(spell(e, names) for e in tensor.shape) + "]"
        lines.append(f"    {out} = torch.empty({shape}, dtype={DTYPES[tensor.dtype]}, device={tensors[0] if inputs else 'DEVICE'}"
                     f"{'.device' if inputs else ''})")  # fmt: skip
    grid = " * ".join(_factor(spell(e, names)) for e in kernel.grid) or "1"
    lines.append(f"    programs = {grid}")
    lines.append(f"    if programs and any(p.numel() for p in ({', '.join(results)},)):")
    reaches = [f"({p}, {_spans(t)})" for p, t in zip(tensors, (*kernel.inputs, *kernel.outputs), strict=True)]
    lines.append(f"        wide = is_wide([{', '.join(names.values())}], {', '.join(reaches)})")
    arguments = [x for p in tensors for x in (p, f"*{p}.stride()")] + list(names.values())
    lines.append(f"        {kernel.name}[(programs,)](")
    lines.append(f"            {', '.join(arguments)}, WIDE=wide,")
    lines.append(f"            num_warps={kernel.warps}, num_stages={kernel.stages}, enable_fp_fusion={kernel.fuses_multiply_add},")
    lines.append("        )")
    lines.append(f"    return ({', '.join(results)},)")
    return "\n".join(lines) + "\n"


def _spans(tensor: Tensor) -> str:
    return "[" + ", ".join(map(str, tensor.spans)) + "]"


def spell(expr: Expr, names: dict[str, str]) -> str:
    """An index expression over sizes as Python."""

    def atom(a: Atom) -> str:
        if isinstance(a, Name):
            return names[a.text]
        args = [spell(x, names) for x in a.args]
        if a.fn in ("floordiv", "mod"):
            return f"({_factor(args[0])} {'//' if a.fn == 'floordiv' else '%'} {_factor(args[1])})"
        if a.fn in ("min", "max"):
            return f"{a.fn}({', '.join(args)})"
        raise ValueError(f"'{a}' has no value outside of a kernel")

    terms = [" * ".join(([str(c)] if c != 1 or not m else []) + [atom(a) for a in m]) for m, c in expr.terms]
    return " + ".join(terms) or "0"


def _factor(text: str) -> str:
    return text if text.isalnum() else f"({text})"
