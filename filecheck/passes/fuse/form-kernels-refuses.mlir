// RUN: flashlight-opt --pass-pipeline=form-kernels %s 2>&1 | filecheck %s

// CHECK: remark [form-kernels]: refused: left to torch: no reduction besides a plain contraction, so nothing to fuse
// CHECK: remark [form-kernels]: a plain contraction over 1024 is stored: its result is not streamed
// CHECK: remark [form-kernels]: a producer is stored: fused it is computed

// Nothing is reduced.
// CHECK-LABEL: @pointwise
// CHECK-NOT:   tensor_ext.group
func.func @pointwise(%x: !tensor_ext.tensor<S : f32>) -> !tensor_ext.tensor<S : f32> {
  %0 = pointwise.exp %x : !tensor_ext.tensor<S : f32>
  func.return %0 : !tensor_ext.tensor<S : f32>
}

// torch runs a plain product, and what follows it.
// CHECK-LABEL: @product
// CHECK-NOT:   tensor_ext.group
func.func @product(%x: !tensor_ext.tensor<S, 64 : f32>, %w: !tensor_ext.tensor<64, T : f32>) -> !tensor_ext.tensor<S, T : f32> {
  %0 = tensor_ext.contract %x[i, d], %w[d, e] -> [i, e] : !tensor_ext.tensor<S, T : f32>
  %1 = pointwise.tanh %0 : !tensor_ext.tensor<S, T : f32>
  func.return %1 : !tensor_ext.tensor<S, T : f32>
}

// CHECK-LABEL: @before_a_reduction
// CHECK:       tensor_ext.contract
// CHECK:       tensor_ext.group @k0
func.func @before_a_reduction(%x: !tensor_ext.tensor<S, 1024 : f32>, %w: !tensor_ext.tensor<1024, 64 : f32>) -> !tensor_ext.tensor<S : f32> {
  %0 = tensor_ext.contract %x[i, d], %w[d, e] -> [i, e] : !tensor_ext.tensor<S, 64 : f32>
  %1 = tensor_ext.reduce max %0 over [1] : !tensor_ext.tensor<S : f32>
  func.return %1 : !tensor_ext.tensor<S : f32>
}

// The first product would be computed again for each tile of the second one's columns.
// CHECK-LABEL: @twice
// CHECK:       tensor_ext.contract %x
// CHECK:       tensor_ext.contract
// CHECK-NOT:   tensor_ext.group
func.func @twice(%x: !tensor_ext.tensor<S, 256 : f32>, %v: !tensor_ext.tensor<256, 256 : f32>, %w: !tensor_ext.tensor<256, T : f32>) -> !tensor_ext.tensor<S, T : f32> {
  %0 = tensor_ext.contract %x[i, d], %v[d, e] -> [i, e] : !tensor_ext.tensor<S, 256 : f32>
  %1 = tensor_ext.contract %0[i, d], %w[d, e] -> [i, e] : !tensor_ext.tensor<S, T : f32>
  func.return %1 : !tensor_ext.tensor<S, T : f32>
}

// An op that torch runs is a border: its operand is stored, and its result loaded.
// CHECK-LABEL: @border
// CHECK:       tensor_ext.group @k1
// CHECK:       tensor_ext.call "aten.relu.default"
// CHECK:       tensor_ext.group @k2
func.func @border(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<: f32> {
  %0 = tensor_ext.reduce max %x over [1] : !tensor_ext.tensor<S : f32>
  %1 = tensor_ext.call "aten.relu.default"(%0) args "%0" : !tensor_ext.tensor<S : f32>
  %2 = tensor_ext.reduce sum %1 over [0] : !tensor_ext.tensor<: f32>
  func.return %2 : !tensor_ext.tensor<: f32>
}
