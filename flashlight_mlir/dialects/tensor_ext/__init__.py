"""Tensors with positional axes: what ATen's zoo is normalised into, and the groups that become kernels.

    %s = tensor_ext.contract %q[b, i, d], %k[b, j, d] -> [b, i, j] : !tensor_ext.tensor<B, S, S : bf16>
    %m = tensor_ext.reduce max %s over [2] : !tensor_ext.tensor<B, S : bf16>

(xDSL owns the prefix ``tensor``, and two dialects of one name cannot be loaded.)
"""

from xdsl.ir import Dialect

from flashlight_mlir.dialects.expr import ExprAttr
from flashlight_mlir.dialects.tensor_ext.build import ConcatOp, IotaOp, TakeOp
from flashlight_mlir.dialects.tensor_ext.compute import ContractOp, ReduceOp
from flashlight_mlir.dialects.tensor_ext.group import CallOp, GroupOp, YieldOp
from flashlight_mlir.dialects.tensor_ext.types import (
    REDUCTIONS,
    TensorType,
    parse_bindings,
    print_bindings,
    tensor,
    type_of,
)
from flashlight_mlir.dialects.tensor_ext.views import BroadcastOp, PadOp, ReshapeOp, SliceOp, TransposeOp

TensorExt = Dialect(
    "tensor_ext",
    [
        BroadcastOp, CallOp, ConcatOp, ContractOp, GroupOp, IotaOp, PadOp, ReduceOp, ReshapeOp, SliceOp, TakeOp,
        TransposeOp, YieldOp,
    ],
    [ExprAttr, TensorType],
)  # fmt: skip

__all__ = [
    "REDUCTIONS", "BroadcastOp", "CallOp", "ConcatOp", "ContractOp", "GroupOp", "IotaOp", "PadOp", "ReduceOp",
    "ReshapeOp", "SliceOp", "TakeOp", "TensorExt", "TensorType", "TransposeOp", "YieldOp", "parse_bindings",
    "print_bindings", "tensor", "type_of",
]  # fmt: skip
