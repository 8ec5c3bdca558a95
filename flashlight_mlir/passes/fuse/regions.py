"""Which values are stored and which roots share a kernel: the decisions of ``form-kernels``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.arith import ConstantOp
from xdsl.ir import Block, Operation, SSAValue

from flashlight_mlir.analysis.cost import Choice, bytes_of, cone, is_whole, programs, seconds
from flashlight_mlir.diagnostics import Remark, location_of
from flashlight_mlir.dialects import tensor_ext as T
from flashlight_mlir.dialects.loop import ContractOp, IndexOp, ReduceOp, dims_of
from flashlight_mlir.dialects.pointwise import PointwiseOp, kind
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.merge_dims import find_merges
from flashlight_mlir.passes.fuse.naming import dim_roles
from flashlight_mlir.passes.fuse.sharing import discard, reaches, reduced, share
from flashlight_mlir.passes.fuse.substitution import Substitution, TooLarge

VIEWS = T.ReshapeOp | T.TransposeOp | T.SliceOp | T.BroadcastOp
FUSIBLE = VIEWS | T.ReduceOp | T.ContractOp | T.ConcatOp | T.PadOp | T.TakeOp | T.IotaOp | PointwiseOp | ConstantOp


MOST_OPS = 300
"""A kernel's flat body has at most so many ops, those that become one counted once."""


def fusible(op: object) -> bool:
    return isinstance(op, FUSIBLE)


def peel(value: SSAValue) -> SSAValue:
    """The value behind the views at a region's border; a transpose right after it is its order in memory, and stays."""
    while isinstance(value.owner, VIEWS):
        inner = value.owner.operands[0]
        if isinstance(value.owner, T.TransposeOp) and not isinstance(inner.owner, VIEWS):
            return value
        value = inner
    return value


def core(value: SSAValue) -> SSAValue:
    """The computed value behind views and casts."""
    while isinstance(op := value.owner, Operation) and (isinstance(op, VIEWS) or kind(op) == "cast"):
        value = op.operands[0]
    return value


@dataclass
class Plan:
    """Kernels as lists of roots, given the values that are cut."""

    block: Block
    kernels: list[list[SSAValue]] = field(default_factory=list[list[SSAValue]])
    cuts: dict[SSAValue, None] = field(default_factory=dict[SSAValue, None])
    remarks: list[Remark] = field(default_factory=list[Remark])
    settled: dict[object, tuple[SSAValue, Remark] | None] = field(default_factory=dict[object, "tuple[SSAValue, Remark] | None"])
    sharing: dict[object, bool] = field(default_factory=dict[object, bool])
    wanted: list[SSAValue] = field(default_factory=list[SSAValue])
    """What the function returns or hands to torch."""

    def key(self, roots: Sequence[SSAValue]) -> object:
        """What a decision on a kernel of ``roots`` depends on."""
        return tuple(roots), frozenset(self.region(roots)[1])

    def is_leaf(self, value: SSAValue, roots: Iterable[SSAValue] = ()) -> bool:
        """Loaded rather than computed."""
        return not fusible(value.owner) or (value in self.cuts and value not in roots)

    def region(self, roots: Sequence[SSAValue]) -> tuple[list[Operation], list[SSAValue]]:
        """The ops that a kernel of ``roots`` computes, in order, and what it loads."""
        ops: set[Operation] = set()
        leaves: dict[SSAValue, None] = {}
        stack = list(roots)[::-1]
        while stack:
            value = stack.pop()
            if self.is_leaf(value, roots):
                leaves[value] = None
            elif value.owner not in ops:
                assert isinstance(value.owner, Operation)
                ops.add(value.owner)
                stack.extend(reversed(value.owner.operands))
        return [op for op in self.block.ops if op in ops], list(leaves)

    def plain(self, op: Operation) -> bool:
        """A contraction of what involves no other reduction: torch has it."""
        if not isinstance(op, T.ContractOp):
            return False
        inner, _ = self.region([op.lhs, op.rhs])
        return not any(isinstance(o, T.ReduceOp | T.ContractOp) for o in inner)

    def worthy(self, root: SSAValue) -> bool:
        """Has a reduction, or two contractions."""
        ops, _ = self.region([root])
        contractions = sum(isinstance(o, T.ContractOp) for o in ops)
        return contractions > 1 or any(isinstance(o, T.ReduceOp) for o in ops)

    def emitter(self, roots: Sequence[SSAValue]) -> Substitution:
        """The flat body of a kernel of ``roots``."""
        emitter = Substitution(lambda v: v if self.is_leaf(v, roots) else None)
        emitter.limit = 4 * MOST_OPS
        try:
            for number, root in enumerate(roots):
                emitter.root(root, number)
            if emitter.count > MOST_OPS:
                ops = list(emitter.block.ops)
                if len(distinct(ops, find_merges(ops, emitter.dims))) > MOST_OPS:
                    raise TooLarge
        except TooLarge:
            discard(emitter)
            raise
        return emitter


def grid(emitter: Substitution) -> dict[str, int]:
    """Programs along each parallel dim; one that is also reduced is no grid dim."""
    roles = dim_roles(emitter)
    return {d: programs(emitter.dims[d], roles[d]) for d in emitter.roots if roles[d] not in ("stream", "inner")}


def forced_cut(made: Plan, root: SSAValue, emitter: Substitution) -> tuple[SSAValue, Remark] | None:
    """A plain contraction over a long dim whose result is not streamed."""
    for op in made.region([root])[0]:
        if not isinstance(op, T.ContractOp) or not made.plain(op):
            continue
        a, b, out = op.maps
        sizes = dict(zip((*a, *b), (*T.type_of(op.lhs).shape, *T.type_of(op.rhs).shape), strict=True))
        long = [x for x in sizes if x not in out and not is_whole(sizes[x])]
        if not long:
            continue
        bound = {d for d, e in emitter.dims.items() if d not in emitter.roots and not is_whole(e)}
        uses = [set(dims_of(v.type)) for v in emitter.instances(op.result)]
        axes = sum(s != Expr.of(1) for s in op.result.type.shape)
        whole = any(len(u & set(emitter.roots)) >= axes for u in uses)
        if whole or not any(u & bound for u in uses):
            extents = ", ".join(str(sizes[x]) for x in long)
            text = f"a plain contraction over {extents} is stored: its result is not streamed"
            return op.result, Remark("form-kernels", text, location_of(op))
    return None


def _short(op: ReduceOp, emitter: Substitution) -> bool:
    """One tile covers what the reduction runs over: its result costs no more than a load of its tile."""
    return all(is_whole(emitter.dims[d]) for d in op.dims)


def nested_cut(made: Plan, root: SSAValue, emitter: Substitution) -> tuple[SSAValue, Remark] | None:
    """A contraction of reduced values that would run again at each step of another reduction."""
    names = find_merges(list(emitter.block.ops), emitter.dims)
    inner = {names.get(d, d) for d in reduced(emitter)}
    for op in reversed(made.region([root])[0]):
        if not isinstance(op, T.ContractOp) or made.plain(op) or op.result in (root, core(root)):
            continue
        for value in emitter.instances(op.result):
            made_of = value.owner
            while kind(made_of) == "cast" and isinstance(made_of, PointwiseOp):
                made_of = made_of.args[0].owner
            if not isinstance(made_of, ContractOp):
                continue
            own = {names.get(d, d) for d in made_of.dims}
            sums = [o for o in cone(made_of.operands) if isinstance(o, ReduceOp) and not _short(o, emitter)]
            if any({names.get(d, d) for d in dims_of(o.result.type)} & inner - own for o in sums):
                text = "a contraction is stored: it would run again at each step of another reduction"
                return op.result, Remark("form-kernels", text, location_of(op))
    return None


def crossed_cut(made: Plan, root: SSAValue, emitter: Substitution) -> tuple[SSAValue, Remark] | None:
    """A reduction over what the root runs over, at each step of another reduction: no order of loops has both."""
    names = find_merges(list(emitter.block.ops), emitter.dims)
    long = {names.get(d, d) for d, e in emitter.dims.items() if not is_whole(e)}
    outer = {names.get(d, d) for d in emitter.roots} & long
    for op in made.region([root])[0]:
        if not isinstance(op, T.ReduceOp) or op.result in (root, core(root)):
            continue
        for value in emitter.instances(op.result):
            if not isinstance(value.owner, ReduceOp):
                continue
            over = {names.get(d, d) for d in value.owner.dims}
            at = {names.get(d, d) for d in dims_of(value.type)} & long
            if over & outer and not at <= outer:
                text = "a reduction is stored: it runs over a dim of the result at each step of another reduction"
                return op.result, Remark("form-kernels", text, location_of(op))
    return None


def candidates(made: Plan, root: SSAValue) -> list[SSAValue]:
    """Producers that may be worth storing, nearest to the root first: no larger than what they are computed from."""
    found: dict[SSAValue, None] = {}
    for op in reversed(made.region([root])[0]):
        if isinstance(op, T.ReduceOp | T.ContractOp):
            found[op.result] = None
        if isinstance(op, T.ContractOp):
            found |= {core(v): None for v in (op.lhs, op.rhs)}
    out: list[SSAValue] = []
    for value in found:
        if value is root or value is core(root) or made.is_leaf(value, [root]):
            continue
        leaves = [v.type for v in made.region([value])[1] if isinstance(v.type, T.TensorType)]
        if bytes_of(T.type_of(value)) <= sum(map(bytes_of, leaves)):
            out.append(value)
    return out


def distinct(ops: Sequence[Operation], names: Mapping[str, str]) -> list[Operation]:
    """One op of those that become the same when dims are renamed (what merge-dims and cse leave)."""
    number: dict[SSAValue, object] = {}
    seen: dict[object, int] = {}
    kept: list[Operation] = []
    rename = {d: Expr.of(n) for d, n in names.items()}
    for op in ops:
        index = [str(e.substitute(rename)) for e in getattr(op, "index", ()) if isinstance(e, Expr)]
        expr = str(op.expr.data.substitute(rename)) if isinstance(op, IndexOp) else ""
        dims = [names.get(d, d) for d in op.dims] if isinstance(op, ReduceOp | ContractOp) else []
        rest = [str(v) for k, v in op.properties.items() if k not in ("indices", "over", "expr")]
        key = (op.name, *(number.get(v, v) for v in op.operands), *index, expr, *dims, *rest)
        if key not in seen:
            seen[key] = len(seen)
            kept.append(op)
        number |= {result: seen[key] for result in op.results}
    return kept


def priced_cut(made: Plan, root: SSAValue, emitter: Substitution) -> tuple[SSAValue, Remark] | None:
    """A producer that is dearer to compute again than to store."""
    if not (found := candidates(made, root)):
        return None
    ops, trips = list(emitter.block.ops), grid(emitter)
    ops = distinct(ops, find_merges(ops, emitter.dims))
    for value in found:
        needed = cone(emitter.instances(value))
        fused = seconds((op for op in ops if op in needed), emitter.dims, trips)
        alone = made.emitter([value])
        choice = Choice(seconds(alone.block.ops, alone.dims, grid(alone)), fused, bytes_of(T.type_of(value)))
        discard(alone)
        if choice.cut:
            return value, Remark("form-kernels", f"a producer is stored: {choice}", location_of(value.owner))
    return None


def torn_cut(made: Plan, root: SSAValue) -> tuple[SSAValue, Remark] | None:
    """What torch reads, where the kernel also reads what torch made of it: computed twice, the two could be rounded apart."""
    ops, leaves = made.region([root])
    results = {r for op in ops for r in op.results} - {root}
    for value in made.wanted:
        if value in results and any(reaches(leaf, value) for leaf in leaves):
            text = "a value is stored once for torch and for the kernel, which compares it with what torch makes of it"
            return value, Remark("form-kernels", text, location_of(value.owner))
    return None


def choose(made: Plan, root: SSAValue) -> tuple[SSAValue, Remark] | None:
    """The next value to cut in the kernel of ``root``."""
    if torn := torn_cut(made, root):
        return torn
    try:
        emitter = made.emitter([root])
    except TooLarge:
        early = [v for v in candidates(made, root) if isinstance(v.owner, T.ContractOp | T.ReduceOp)]
        deep = [v for v in early if isinstance(v.owner, T.ContractOp) and not made.plain(v.owner)] or early
        if not deep:
            return None
        text = f"a producer is stored: the kernel would have more than {MOST_OPS} ops"
        return deep[-1], Remark("form-kernels", text, location_of(deep[-1].owner))
    found = next((f for cut in (forced_cut, nested_cut, crossed_cut, priced_cut) if (f := cut(made, root, emitter))), None)
    discard(emitter)
    return found


def plan(block: Block) -> Plan:
    """Decide, from the function's end to its start."""
    made = Plan(block)
    wanted = [peel(v) for op in reversed(list(block.ops)) if not fusible(op) for v in op.operands]
    made.wanted = [v for v in dict.fromkeys(wanted) if fusible(v.owner) and isinstance(v.type, T.TensorType)]
    while _decide(made):
        pass
    _forget(made)
    return made


def _forget(made: Plan) -> None:
    """Store nothing that only its own kernel reads."""
    homes = {id(k): [r for r in k] for k in made.kernels}
    alone = [r for r in (*made.wanted, *made.cuts) if not any(r in k for k in made.kernels)]
    readers = [*((key, made.region(roots)[1]) for key, roots in homes.items()), *((0, made.region([r])[1]) for r in alone)]
    for kernel in made.kernels:
        for root in homes[id(kernel)]:
            if root not in made.wanted and not any(root in leaves for key, leaves in readers if key != id(kernel)):
                kernel.remove(root)
                made.cuts.pop(root, None)
                spoken = [found[1] for found in made.settled.values() if found and found[0] is root]
                made.remarks = [r for r in made.remarks if r not in spoken]


def _decide(made: Plan) -> bool:
    """One round; True if a value was cut, so that all is to be decided again."""
    made.kernels = []
    roots = list(dict.fromkeys([*made.wanted, *made.cuts]))
    for root in sorted(roots, key=lambda r: _position(made.block, r), reverse=True):
        if not made.worthy(root):
            continue
        found = made.settled.get(key) if (key := made.key([root])) in made.settled else choose(made, root)
        made.settled[key] = found
        if found:
            made.cuts[found[0]] = None
            made.remarks.append(found[1])
            return True
        home = next((k for k in made.kernels if share(made, k, root)), None)
        if home is not None:
            home.append(root)
            continue
        if any(root.owner in made.region(k)[0] for k in made.kernels):
            made.cuts[root] = None
            return True
        made.kernels.append([root])
    for root in roots:
        if not made.worthy(root):
            text = "left to torch: no reduction besides a plain contraction, so nothing to fuse"
            made.remarks.append(Remark("form-kernels", text, location_of(root.owner), None, True))
    made.kernels = [sorted(k, key=lambda r: _position(made.block, r)) for k in reversed(made.kernels)]
    return False


def _position(block: Block, value: SSAValue) -> int:
    return next(k for k, op in enumerate(block.ops) if op is value.owner)
