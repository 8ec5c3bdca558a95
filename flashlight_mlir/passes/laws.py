"""The laws of folds, as rows. The normal form (``analysis/separate.py``) reads them and holds no mathematics of its own.

Spelling: ``sum max min contract`` reduce over the dims at hand (j); letters are any terms; ``phi`` is any pointwise op of one
varying operand. Conditions: ``free(c)`` c does not depend on j; ``blind(x)`` x sees no earlier reduction over j; ``mixed(a)``
neither; ``neutral(c)`` both; ``summed(k)`` the reduction is a sum. ``mean(w)`` is ``sum(w) / sum(1)``, ``moments(a, b, n, y)`` is
``sum((a + b) ** n * y)`` by the binomial theorem: sums of ``a ** k * y``.
``apart(a, b)``: two terms, or one that is finite (-inf - -inf is NaN). A row is read left to right and must lower the order
of ``analysis/order.py``. ``can_cancel`` rows are used only where what they multiply is nonnegative.
"""

from __future__ import annotations

from flashlight_mlir.analysis.patterns import Law

LAWS: tuple[Law, ...] = (
    # what the program's ops mean, in sums, products and powers
    Law("sub", "sub(a, b)", "a + -1 * b", ("apart(a, b)",)),
    Law("neg", "neg(a)", "-1 * a"),
    Law("div", "div(a, b)", "a * b ** -1"),
    Law("recip", "recip(a)", "a ** -1"),
    Law("sqrt", "sqrt(a)", "a ** 0.5"),
    Law("rsqrt", "rsqrt(a)", "a ** -0.5"),
    Law("pow", "pow(a, n)", "a ** n", ("number(n)",)),
    Law("pow-base", "pow(c, a)", "exp(log(c) * a)", ("positive(c)",)),
    Law("exp2", "exp2(a)", "exp(0.6931471805599453 * a)"),
    Law("log2", "log2(a)", "1.4426950408889634 * log(a)"),
    Law("add", "add(a, b)", "a + b"),
    Law("mul", "mul(a, b)", "a * b"),
    Law("narrow", "cast(a)", "a", ("float_cast(a)",)),
    # splitting
    Law("distribute", "(a + b) * c", "a * c + b * c", ("mixed(a)",)),
    Law("scale", "exp(c * (a + b))", "exp(c * a + c * b)"),
    Law("scale-part", "c * (a + b) + d", "c * a + c * b + d", ("neutral(c)",)),
    Law("multinomial", "(a + b) ** n", "a * (a + b) ** (n - 1) + b * (a + b) ** (n - 1)", ("mixed(a)", "several(n)")),
    Law("S3", "(a * b) ** n", "a ** n * b ** n", ("splits(a, b, n)",)),
    Law("S4", "log(a * b)", "log(a) + log(b)", ("positive(a)",)),
    Law("log-power", "log(a ** n)", "n * log(a)", ("positive(a)",)),
    Law("log-exp", "log(exp(a))", "a"),
    Law("exp-power", "exp(a) ** n", "exp(n * a)", ("fractional(n)",)),
    Law("scale-sin", "sin(c * (a + b))", "sin(c * a + c * b)"),
    Law("scale-cos", "cos(c * (a + b))", "cos(c * a + c * b)"),
    Law("sin-sum", "sin(w + u)", "sin(w) * cos(u) + cos(w) * sin(u)", ("free(u)",)),
    Law("cos-sum", "cos(w + u)", "cos(w) * cos(u) + -1 * sin(w) * sin(u)", ("free(u)",)),
    Law("abs-positive", "abs(a)", "a", ("nonnegative(a)",)),
    Law("abs-product", "abs(a * b)", "abs(a) * abs(b)"),
    Law("abs-even", "abs(a) ** n", "a ** n", ("even(n)",)),
    # masks
    Law("N1", "select(k, w + u, l)", "select(k, w, l) + u", ("free(u)", "lowest(l)")),
    Law("D3", "select(k, f, g)", "indicator(k) * f + indicator(not_(k)) * g", ("summed(k)", "finite(f)", "finite(g)")),
    # units: exponentials and powers of w + u are kept relative to a running value
    Law("exp-log", "exp(w + n * log(a))", "exp(w) * a ** n", ("number(n)", "positive(a)")),
    Law("S1", "exp(w + u)", "exp(w - max(w)) * exp(max(w) + u)", ("blind(w)", "free(u)", "summed(w)")),
    Law("S2-exp", "sum(exp(w - max(w)) ** p * (w + u) ** n * y)",
        "moments(w - max(w), max(w) + u, n, exp(w - max(w)) ** p * y)",
        ("free(u)", "natural(n)"), can_cancel=True),
    Law("S2-max", "sum((w - max(w) + u) ** n * y)", "moments(w - max(w), u, n, y)",
        ("free(u)", "natural(n)"), can_cancel=True),
    Law("S2", "sum((w + u) ** n * y)", "moments(w - mean(w), mean(w) + u, n, y)",
        ("blind(w)", "free(u)", "natural(n)", "loose(w, u)"), can_cancel=True),
    # reductions
    Law("D3-max", "max(select(k, f, g))", "select(k, max(f), max(g))", ("free(k)",)),
    Law("D2", "sum(a + b)", "sum(a) + sum(b)", ("mixed(a)",)),
    Law("D1", "sum(c * f)", "c * sum(f)", ("free(c)",)),
    Law("D2-left", "contract(a + b, g)", "contract(a, g) + contract(b, g)", ("mixed(a)",)),
    Law("D2-right", "contract(g, a + b)", "contract(g, a) + contract(g, b)", ("mixed(a)",)),
    Law("D1-left", "contract(c * f, g)", "c * contract(f, g)", ("free(c)",)),
    Law("D1-right", "contract(g, c * f)", "c * contract(g, f)", ("free(c)",)),
    Law("D4-max-up", "max(phi(f))", "phi(max(f))", ("increasing(phi)",)),
    Law("D4-max-down", "max(phi(f))", "phi(min(f))", ("decreasing(phi)",)),
    Law("D4-min-up", "min(phi(f))", "phi(min(f))", ("increasing(phi)",)),
    Law("D4-min-down", "min(phi(f))", "phi(max(f))", ("decreasing(phi)",)),
)  # fmt: skip
