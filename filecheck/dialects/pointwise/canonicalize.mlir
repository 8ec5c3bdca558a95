// RUN: flashlight-opt %s --split-input-file -p canonicalize | filecheck %s

// A neutral operand is dropped, on the left too where the op commutes.
// CHECK-LABEL: @neutral
func.func @neutral(%x: !tensor_ext.tensor<S : f16>) -> !tensor_ext.tensor<S : f16> {
  %one = arith.constant 1.0 : f64
  %a = pointwise.mul %x, %one : !tensor_ext.tensor<S : f16>
  %b = pointwise.mul %one, %a : !tensor_ext.tensor<S : f16>
  %c = pointwise.div %b, %one : !tensor_ext.tensor<S : f16>
  %d = pointwise.pow %c, %one : !tensor_ext.tensor<S : f16>
  // CHECK-NEXT: func.return %x
  func.return %d : !tensor_ext.tensor<S : f16>
}

// -----

// One over x is not x, and -0 + 0 is not -0.
// CHECK-LABEL: @kept
func.func @kept(%x: !tensor_ext.tensor<S : f16>) -> !tensor_ext.tensor<S : f16> {
  %one = arith.constant 1.0 : f64
  %zero = arith.constant 0.0 : f64
  // CHECK: pointwise.div
  %a = pointwise.div %one, %x : !tensor_ext.tensor<S : f16>
  // CHECK-NEXT: pointwise.add
  %b = pointwise.add %a, %zero : !tensor_ext.tensor<S : f16>
  func.return %b : !tensor_ext.tensor<S : f16>
}
