"""Our passes by name, in the order of the pipelines: the compiler on one page is ``pipelines.py``."""

ALL: dict[str, str] = {
    "split-concats": "flashlight_mlir.passes.fuse.split_concats:SplitConcatsPass",
    "sink-reshapes": "flashlight_mlir.passes.fuse.sink_reshapes:SinkReshapesPass",
    "form-kernels": "flashlight_mlir.passes.fuse.form_kernels:FormKernelsPass",
    "share-kernels": "flashlight_mlir.passes.fuse.share_kernels:ShareKernelsPass",
    "substitute-indices": "flashlight_mlir.passes.fuse.substitute_indices:SubstituteIndicesPass",
    "merge-dims": "flashlight_mlir.passes.fuse.merge_dims:MergeDimsPass",
    "raise-contractions": "flashlight_mlir.passes.fuse.raise_contractions:RaiseContractionsPass",
    "widen": "flashlight_mlir.passes.fuse.widen:WidenPass",
    "fold-indices": "flashlight_mlir.passes.fuse.fold_indices:FoldIndicesPass",
    "narrow-indices": "flashlight_mlir.passes.fuse.narrow_indices:NarrowIndicesPass",
    "separate": "flashlight_mlir.passes.fuse.separate:SeparatePass",
    "fold": "flashlight_mlir.passes.fuse.fold:FoldPass",
    "exp2": "flashlight_mlir.passes.fuse.exp2:Exp2Pass",
    "assign-roles": "flashlight_mlir.passes.tile.assign_roles:AssignRolesPass",
    "choose-sizes": "flashlight_mlir.passes.tile.choose_sizes:ChooseSizesPass",
    "bound-by-mask": "flashlight_mlir.passes.tile.bound_by_mask:BoundByMaskPass",
    "split-by-mask": "flashlight_mlir.passes.tile.split_by_mask:SplitByMaskPass",
    "narrow-masks": "flashlight_mlir.passes.tile.narrow_masks:NarrowMasksPass",
    "loop-to-block": "flashlight_mlir.passes.lower.loop_to_block:LoopToBlockPass",
}
"""Pass name -> ``module:Class``, imported when used."""
