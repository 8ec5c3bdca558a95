"""Programs over a streamed dim, as small untiled kernels: what folds, with how many accumulators and units, and what does not.

A body is written without types (``p = exp x``); ``module`` infers them and spells the kernel out.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

DIMS = {"i": "S", "j": "T", "d": "4", "e": "3"}
INPUTS = {"X": "ij", "Y": "ij", "Q": "id", "K": "jd", "V": "je", "W": "j", "G": "i", "R": "ie"}
SIZES = {"S": 5, "T": 17}


@dataclass(frozen=True)
class FoldProgram:
    name: str
    body: str
    out: str
    accumulators: int = 0
    units: int = 0
    folds: int = 1
    reason: str = ""
    """What the refusal says, if a second pass is needed."""


def tile(dims: str, element: str) -> str:
    return f"!loop.tile<{', '.join(d for d in DIMS if d in dims)} : {element}>" if dims else element


def tensor(dims: str) -> str:
    return f"!tensor_ext.tensor<{', '.join(DIMS[d] for d in dims)} : f32>"


def module(body: str, out: str) -> str:
    """The kernel's text: ``out`` is ``value[dims]``, or several, separated by blanks."""
    stores = re.findall(r"(\w+)\[(\w*)\]", out)
    used = [name for name in INPUTS if re.search(rf"\b{name}\b", body)]
    types: dict[str, tuple[str, str]] = {}
    lines: list[str] = []
    numbers: dict[str, str] = {}

    def operand(text: str) -> str:
        if text in types:
            return f"%{text}"
        if text not in numbers:
            numbers[text] = f"c{len(numbers)}"
        return f"%{numbers[text]}"

    for line in filter(None, (raw.strip() for raw in re.split(r"[;\n]", body))):
        name, rest = (part.strip() for part in line.split("=", 1))
        op, *args = rest.replace(",", " ").split()
        if op == "load":
            dims, element = INPUTS[args[0]], "f32"
            text = f"loop.load %{args[0]}[{', '.join(dims)}]"
        elif op == "index":
            dims, element = "".join(d for d in DIMS if d in " ".join(args)), "index"
            text = f"loop.index {' '.join(args)}"
        elif op == "reduce":
            dims, element = types[args[1]][0].replace(args[2], ""), types[args[1]][1]
            text = f"loop.reduce {args[0]} %{args[1]} over [{args[2]}]"
        elif op == "contract":
            both = types[args[0]][0] + types[args[1]][0]
            dims, element = "".join(d for d in DIMS if d in both and d not in args[2]), "f32"
            text = f"loop.contract %{args[0]}, %{args[1]} over [{args[2]}]"
        elif op == "cast" and len(args) == 2:
            dims, element = types[args[0]][0], args[1]
            text = f"pointwise.cast %{args[0]}"
        else:
            known = [types[a] for a in args if a in types]
            dims = "".join(d for d in DIMS if any(d in t[0] for t in known))
            values = [types[a][1] for a in (args[1:] if op == "select" else args) if a in types]
            element = "i1" if op in ("ge", "gt", "le", "lt", "eq", "ne") else values[0] if values else "f32"
            text = f"pointwise.{op} {', '.join(map(operand, args))}"
        types[name] = (dims, element)
        lines.append(f"    %{name} = {text} : {tile(dims, element)}")
    constants = [
        f"    %{name} = arith.constant {'0xfff0000000000000' if text == '-inf' else text} : "
        + ("index" if text.startswith("#") else "f64")
        for text, name in numbers.items()
    ]
    constants = [line.replace("#", "") for line in constants]
    for k, (name, dims) in enumerate(stores):
        lines.append(f"    loop.store %{name}, {k}[{', '.join(dims)}]")
    results = ", ".join(tensor(dims) for _, dims in stores)
    params = ", ".join(f"%x{n}: {tensor(INPUTS[n])}" for n in used)
    binds = ", ".join(f"%{n} = %x{n}" for n in used)
    dims_used = "".join(t[0] for t in types.values()) + "".join(d for _, d in stores)
    dims_text = ", ".join(f"{d} = {DIMS[d]}" for d in DIMS if d in dims_used)
    names = ", ".join(f"%r{k}" for k in range(len(stores)))
    body_text = "\n".join([*constants, *lines])
    return (
        f"func.func @f({params}) -> ({results}) {{\n  {names} = loop.kernel @k({binds}) dims [{dims_text}] {{\n"
        f"{body_text}\n  }} : {results}\n  func.return {names} : {results}\n}}\n"
    )


SCORES = "q = load Q; k = load K; s = contract q k d"
WEIGHTS = "m = reduce max s j; t = sub s m; p = exp t; l = reduce sum p j; n = div p l"
MEAN = "x = load X; a = reduce sum x j; cnt = reduce sum one j; mu = div a cnt; c = sub x mu"
ONE = "at = index j; yes = ge at #0; one = select yes w1 w1"
SECOND = "y = load Y; my = reduce max y j; ty = sub y my; py = exp ty; ly = reduce sum py j; ny = div py ly"

PROGRAMS = (
    FoldProgram("rows of rows", "x = load X; a = reduce sum x j; r = reduce sum a i; t = mul x r; h = tanh t; o = reduce sum h j",
        "o[i]", 1, 0, 4),
    FoldProgram("nothing varies any more", "x = load X; m = reduce max x j; t = sub x m; c = sub t t; p = exp c; l = reduce sum p j;"
        "w = reduce max l i; u = reduce sum l i; z = mul w u; g = load G; o = mul g z", "o[i]", 1, 0, 3),
    FoldProgram("weighted", f"{SCORES}; {WEIGHTS}; v = load V; o = contract n v j", "o[ie]", 3, 1),
    FoldProgram(
        "masked",
        f"{SCORES.replace('s =', 's0 =')}; b = index j - i; k0 = le b #0; s = select k0 s0 -inf; {WEIGHTS}; v = load V;"
        "o = contract n v j", "o[ie]", 3, 1,
    ),
    FoldProgram("off by one", f"{SCORES}; m = reduce max s j; t = sub s m; p = exp t; l = reduce sum p j;"
        "z = neg m; ez = exp z; l1 = add l ez; n = div p l1; v = load V; o = contract n v j", "o[ie]", 3, 1),
    FoldProgram("difference", f"{SCORES}; {WEIGHTS}; {SECOND}; h = mul ny 0.3; df = sub n h; v = load V;"
        "o = contract df v j", "o[ie]", 6, 2),
    FoldProgram("log-sum-exp", "s = load X; m = reduce max s j; t = sub s m; p = exp t; l = reduce sum p j;"
        "g = log l; o = add g m", "o[i]", 2, 1),
    FoldProgram("variance", "x = load X; a = reduce sum x j; mu = mul a 0.0588235294117647; c = sub x mu; c2 = mul c c;"
        "b = reduce sum c2 j; o = mul b 0.0588235294117647", "o[i]", 4, 1),
    FoldProgram("entropy", f"s = load X; {WEIGHTS}; g = log n; pg = mul n g; h = reduce sum pg j; o = neg h", "o[i]", 3, 1),
    FoldProgram("divergence", f"s = load X; {WEIGHTS}; {SECOND}; g = log n; gy = log ny; r = sub g gy; pr = mul n r;"
        "o = reduce sum pr j", "o[i]", 7, 3),
    FoldProgram("p over its norm", f"{SCORES}; {WEIGHTS}; p2 = mul n n; w = reduce sum p2 j; rw = sqrt w; u = div n rw;"
        "v = load V; o = contract u v j", "o[ie]", 4, 1),
    FoldProgram("largest p", f"s = load X; {WEIGHTS}; o = reduce max n j", "o[i]", 2, 1),
    FoldProgram("masked and renormalised", f"{SCORES}; {WEIGHTS}; y = load Y; k0 = gt y 0.0; z = select k0 n 0.0;"
        "w = reduce sum z j; u = div z w; v = load V; o = contract u v j", "o[ie]", 4, 1),
    FoldProgram("sigmoid", f"{SCORES}; p = sigmoid s; v = load V; o = contract p v j", "o[ie]", 1, 0),
    FoldProgram("over the largest magnitude", "x = load X; y = abs x; m = reduce max y j; n = div x m; v = load V;"
        "o = contract n v j", "o[ie]", 2, 0),
    FoldProgram("root mean square", "x = load X; x2 = mul x x; a = reduce sum x2 j; b = mul a 0.0588; r = rsqrt b;"
        "n = mul x r; v = load V; o = contract n v j", "o[ie]", 2, 0),
    FoldProgram("guarded rows", f"s0 = load X; y = load Y; k0 = gt y 1.0; s = select k0 s0 -inf; {WEIGHTS};"
        "seen = reduce any k0 j; z = select seen n 0.0; v = load V; o = contract z v j", "o[ie]", 4, 1),
    FoldProgram("logit of a label", f"s = load X; {WEIGHTS}; g = log n; b = index j - i; k0 = eq b #0; z = select k0 g 0.0;"
        "o = reduce sum z j", "o[i]", 4, 1),
    FoldProgram("rows", f"s = load X; {WEIGHTS}", "n[ij]", 2, 1, folds=2),
    FoldProgram("normalised rows", "x = load X; a = reduce sum x j; mu = mul a 0.0588235294117647; c = sub x mu;"
        "c2 = mul c c; b = reduce sum c2 j; vr = mul b 0.0588235294117647; ve = add vr 0.00001; r = rsqrt ve;"
        "n = mul c r; w = load W; o = mul n w", "o[ij]", 4, 1, folds=2),
    FoldProgram("spread of values", f"{SCORES}; {WEIGHTS}; v = load V; o = contract n v j; dv = sub v o; d2 = mul dv dv;"
        "pd = mul n d2; z = reduce sum pd j", "z[ie]", 7, 2),
    FoldProgram("twice", "s = load X; m = reduce max s j; t = sub s m; p = exp t; l = reduce sum p j; n = div p l;"
        "m2 = reduce max n j; t2 = sub n m2; p2 = exp t2; l2 = reduce sum p2 j; n2 = div p2 l2; v = load V;"
        "o = contract n2 v j", "o[ie]", folds=2, reason="'exp'"),
    FoldProgram("x over sigma", "x = load X; x2 = mul x x; a = reduce sum x2 j; r = sqrt a; s = div x r; es = exp s;"
        "o = reduce sum es j", "o[i]", folds=2, reason="'exp'"),
    FoldProgram("relu of x - mu", "x = load X; a = reduce sum x j; mu = mul a 0.0588; c = sub x mu; r = max c 0.0;"
        "o = reduce sum r j", "o[i]", folds=2, reason="'max'"),
    FoldProgram("tanh of x - m", "x = load X; m = reduce max x j; c = sub x m; r = tanh c; o = reduce sum r j",
        "o[i]", folds=2, reason="'tanh'"),
    FoldProgram("magnitude of x - mu", "x = load X; a = reduce sum x j; mu = mul a 0.0588; c = sub x mu; r = abs c;"
        "o = reduce sum r j", "o[i]", folds=2, reason="'abs'"),
    FoldProgram("normalised rows times a matrix", "x = load X; a = reduce sum x j; mu = mul a 0.0588235294117647;"
        "c = sub x mu; v = load V; o = contract c v j", "o[ie]", folds=2, reason="cancels"),
)  # fmt: skip


_P = "s = load X; m = reduce max s j; t = sub s m; p = exp t"
_END = "v = load V; o = contract z v j"
SINGLE = {
    "neg": f"{_P}; z = neg p; {_END}",
    "recip": f"{_P}; z = recip p; o = reduce sum z j",
    "sqrt": f"{_P}; z = sqrt p; o = reduce sum z j",
    "rsqrt": f"{_P}; z = rsqrt p; o = reduce sum z j",
    "pow": f"{_P}; z = pow p 2.0; {_END}",
    "exp2": "s = load X; m = reduce max s j; t = sub s m; p = exp2 t; o = reduce sum p j",
    "log2": f"{_P}; g = log2 p; z = mul p g; o = reduce sum z j",
    "narrow": f"{_P}; z = cast p; {_END}",
    "add": f"{_P}; y = load Y; z = add p y; {_END}",
    "scale": "s = load X; m = reduce max s j; t = sub s m; h = mul t 0.5; p = exp h; o = reduce sum p j",
    "multinomial": f"{_P}; y = load Y; a = add p y; z = mul a a; {_END}",
    "distribute": f"{_P}; y = load Y; a = add p y; z = mul a y; {_END}",
    "S3": f"{_P}; l = reduce sum p j; n = div p l; z = mul n n; r = sqrt n; h = mul r z; o = reduce sum h j",
    "log-power": f"{_P}; l = reduce sum p j; n = div p l; r = mul n n; g = log r; z = mul p g; o = reduce sum z j",
    "exp-log": f"{_P}; l = reduce sum p j; g = log l; h = sub t g; z = exp h; o = reduce sum z j",
    "pow-base": "s = load X; m = reduce max s j; t = sub s m; z = pow 3.0 t; o = reduce sum z j",
    "scale-part": "s = load X; y = load Y; m = reduce max s j; t = sub s m; h = mul t 0.5; g = add h y; p = exp g; o = reduce sum p j",
    "sin-sum": "s = load X; m = reduce max s j; t = sub s m; z = sin t; o = reduce sum z j",
    "cos-sum": "s = load X; a = reduce sum s j; t = add s a; z = cos t; o = reduce sum z j",
    "abs-product": "x = load X; a = reduce sum x j; z = div x a; y = abs z; o = reduce sum y j",
    "abs-even": "x = load X; a = reduce sum x j; c = sub x a; h = abs c; z = mul h h; o = reduce sum z j",
    "scale-sin": "s = load X; m = reduce max s j; t = sub s m; h = mul t 0.5; z = sin h; o = reduce sum z j",
    "scale-cos": "s = load X; m = reduce max s j; t = sub s m; h = mul t 0.5; z = cos h; o = reduce sum z j",
    "abs-positive": f"{_P}; z = abs p; o = reduce sum z j",
    "N1": "s = load X; y = load Y; k = gt y 0.0; m = reduce max s j; t = sub s m; h = select k t -inf; p = exp h;"
    "o = reduce sum p j",
    "D3-max": "s = load X; y = load Y; a = reduce sum s j; k = gt a 0.0; z = select k s y; o = reduce max z j",
    "D2-right": f"{_P}; y = load Y; z = add p y; v = load V; o = contract v z j",
    "D1-right": f"{_P}; l = reduce sum p j; z = div p l; v = load V; o = contract v z j",
    "S2-exp": f"{_P}; a = reduce sum p j; h = add s a; z = mul p h; o = reduce sum z j",
    "D2-sum": f"{_P}; y = load Y; z = add p y; o = reduce sum z j",
    "D4-max-down": "s = load X; a = reduce sum s j; z = sub s a; p = exp z; q = neg p; o = reduce max q j",
    "D4-min-up": "s = load X; a = reduce sum s j; z = add s a; o = reduce min z j",
    "D4-min-down": "s = load X; a = reduce sum s j; z = sub s a; p = exp z; q = neg p; o = reduce min q j",
}
"""A program for each row that the table does not use."""


def random_program(seed: int) -> str:
    """A body of random ops and reductions over j, some of which no law separates; its result is ``o[i]``."""
    rng = random.Random(seed)
    lines, wide, narrow = ["x = load X", "y = load Y", "g = load G"], ["x", "y"], ["g"]
    for n in range(rng.randint(4, 12)):
        v, a, choice = f"v{n}", rng.choice(wide[-4:]), rng.random()
        if choice < 0.28:
            lines.append(f"{v} = reduce {rng.choice(['sum', 'max', 'min'])} {a} j")
            narrow.append(v)
            continue
        if choice < 0.5:
            lines.append(f"{v} = {rng.choice(['exp', 'neg', 'abs', 'sigmoid', 'tanh'])} {a}")
        elif choice < 0.62:
            other = rng.choice(["0.0", "-1.0", rng.choice(wide)])
            lines += [f"k{n} = gt {rng.choice(wide)} 0.0", f"{v} = select k{n} {a} {other}"]
        else:
            b = rng.choice([*wide, *narrow[-3:], *narrow[-3:], "2.0", "-0.5"])
            op = rng.choice(["add", "sub", "mul", "sub", "mul" if b in wide else "div"])
            lines.append(f"{v} = {op} {a} {b}")
        wide.append(v)
    return "; ".join([*lines, f"o = reduce {rng.choice(['sum', 'max'])} {wide[-1]} j"])
