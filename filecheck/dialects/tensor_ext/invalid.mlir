// RUN: flashlight-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: reshape changes the number of elements: 8 * S to 9 * S
func.func @f(%x: !tensor_ext.tensor<S, 8 : f16>) {
  %0 = tensor_ext.reshape %x : !tensor_ext.tensor<9, S : f16>
  func.return
}

// -----

// CHECK: [0, 0] is no permutation of 2 axes
func.func @f(%x: !tensor_ext.tensor<S, 8 : f16>) {
  %0 = tensor_ext.transpose %x [0, 0] : !tensor_ext.tensor<S, S : f16>
  func.return
}

// -----

// CHECK: label d has two sizes: 8 and 4
func.func @f(%x: !tensor_ext.tensor<S, 8 : f16>, %y: !tensor_ext.tensor<S, 4 : f16>) {
  %0 = tensor_ext.contract %x[i, d], %y[j, d] -> [i, j] : !tensor_ext.tensor<S, S : f16>
  func.return
}

// -----

// CHECK: the result's sizes are not the ones that remain
func.func @f(%x: !tensor_ext.tensor<S, 8 : f16>) {
  %0 = tensor_ext.reduce sum %x over [1] : !tensor_ext.tensor<8 : f16>
  func.return
}

// -----

// CHECK: the sizes of !tensor_ext.tensor<S : f16> and !tensor_ext.tensor<8, S : f16> differ along [0]
func.func @f(%x: !tensor_ext.tensor<S : f16>) {
  %0 = tensor_ext.broadcast %x along [0] : !tensor_ext.tensor<8, S : f16>
  func.return
}

// -----

// CHECK: floordiv wants a positive divisor, got 0
func.func @f(%x: !tensor_ext.tensor<S floordiv 0 : f16>) {
  func.return
}

// -----

// CHECK: is no size symbol or dim
func.func @f(%x: !tensor_ext.tensor<_S : f16>) {
  func.return
}

// -----

// CHECK: a size is between 0 and 2**31 - 1, got -5
func.func @f(%x: !tensor_ext.tensor<0 - 5 : f16>) {
  func.return
}
