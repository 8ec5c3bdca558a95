// RUN: flashlight-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: operands have different element types: f16, f32
func.func @f(%x: !tensor_ext.tensor<S : f16>, %y: !tensor_ext.tensor<S : f32>) {
  %z = pointwise.add %x, %y : !tensor_ext.tensor<S : f16>
  func.return
}

// -----

// CHECK: shapes differ
func.func @f(%x: !tensor_ext.tensor<S : f16>, %y: !tensor_ext.tensor<T : f16>) {
  %z = pointwise.add %x, %y : !tensor_ext.tensor<S : f16>
  func.return
}

// -----

// CHECK: pointwise.exp takes 1 operands, got 2
func.func @f(%x: f32) {
  %z = pointwise.exp %x, %x : f32
  func.return
}

// -----

// CHECK: result type should be !tensor_ext.tensor<S : i1>
func.func @f(%x: !tensor_ext.tensor<S : f16>) {
  %z = pointwise.lt %x, %x : !tensor_ext.tensor<S : f16>
  func.return
}

// -----

// CHECK: the condition of select should be i1, is f32
func.func @f(%x: f32) {
  %z = pointwise.select %x, %x, %x : f32
  func.return
}

// -----

// CHECK: %y is used before its definition
func.func @f(%x: f32) {
  %z = pointwise.add %x, %y : f32
  func.return
}
