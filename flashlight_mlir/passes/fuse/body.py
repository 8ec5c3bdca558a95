"""The flat body of a kernel that is not formed yet: what the decisions of ``form-kernels`` look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from xdsl.ir import Block, Operation, SSAValue

from flashlight_mlir.analysis.cost import cone, is_whole, programs, seconds
from flashlight_mlir.dialects.loop import ContractOp, ReduceOp
from flashlight_mlir.passes.fuse.merge_dims import find_merges, numbering
from flashlight_mlir.passes.fuse.naming import dim_roles
from flashlight_mlir.passes.fuse.regions import Region
from flashlight_mlir.passes.fuse.substitution import Substitution

MOST_OPS = 300
"""A kernel's flat body has at most so many ops."""


class Body:
    """The loop ops of a region; making it raises ``TooLarge`` where there are more than a kernel should have."""

    def __init__(self, region: Region):
        stand_ins = Block(arg_types=[v.type for v in region.leaves]).args
        self.emitter = Substitution(dict[SSAValue, SSAValue](zip(region.leaves, stand_ins, strict=True)).get)
        self.emitter.limit = MOST_OPS
        for number, root in enumerate(region.roots):
            self.emitter.root(root, number)

    @cached_property
    def names(self) -> dict[str, str]:
        return find_merges(list(self.emitter.block.ops), self.emitter.dims)

    def named(self, dims: Iterable[str]) -> set[str]:
        """The dims once those that are one have one name."""
        return {self.names.get(d, d) for d in dims}

    @cached_property
    def ops(self) -> list[Operation]:
        """The ops in order, one of those that become the same."""
        ops = list(self.emitter.block.ops)
        if not self.names:
            return ops
        numbers, seen = numbering(ops, self.names, list(self.emitter.dims)), set[object]()
        return [op for op in ops if not op.results or not ((n := numbers[op.results[0]]) in seen or seen.add(n))]

    @property
    def reduced(self) -> set[str]:
        return {d for op in self.emitter.block.ops if isinstance(op, ReduceOp | ContractOp) for d in op.dims}

    @property
    def long(self) -> set[str]:
        """The dims that no tile covers whole."""
        return self.named(d for d, e in self.emitter.dims.items() if not is_whole(e))

    def instances(self, value: SSAValue) -> Iterator[SSAValue]:
        return self.emitter.instances(value)

    @cached_property
    def grid(self) -> dict[str, int]:
        """Programs along each parallel dim; one that is also reduced is no grid dim."""
        roles, dims = dim_roles(self.emitter, self.names), self.emitter.dims
        return {d: programs(dims[d], roles[d]) for d in self.emitter.roots if roles[d] not in ("stream", "inner")}

    def seconds(self, *values: SSAValue) -> float:
        """Time for ``values`` in this kernel, by default for all of it."""
        if not values:
            return seconds(self.ops, self.emitter.dims, self.grid)
        needed = cone(v for value in values for v in self.instances(value))
        return seconds((op for op in self.ops if op in needed), self.emitter.dims, self.grid)
