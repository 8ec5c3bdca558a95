// NOTE: `make update-filecheck` writes the expected text of this file.
// RUN: flashlight-opt --pass-pipeline=sink-reshapes %s | filecheck %s

// What follows the merged axes, and what that reads: y[b, (i, h)] = s[b, i, h] * w[i, h] + 1, rounded.
// CHECK-LABEL: @f
// CHECK-NEXT:    %0 = tensor_ext.reduce sum %x over [3] : !tensor_ext.tensor<B, S, 4 : f32>
// CHECK-NEXT:    %1 = tensor_ext.broadcast %w along [1] : !tensor_ext.tensor<B, 4 * S : f32>
// CHECK-NEXT:    %2 = tensor_ext.reshape %1 : !tensor_ext.tensor<B, S, 4 : f32>
// CHECK-NEXT:    %3 = pointwise.mul %0, %2 : !tensor_ext.tensor<B, S, 4 : f32>
// CHECK-NEXT:    %one = arith.constant 1.000000e+00 : f64
// CHECK-NEXT:    %4 = pointwise.add %3, %one : !tensor_ext.tensor<B, S, 4 : f32>
// CHECK-NEXT:    %5 = pointwise.cast %4 : !tensor_ext.tensor<B, S, 4 : f16>
// CHECK-NEXT:    %6 = tensor_ext.reshape %5 : !tensor_ext.tensor<B, 4 * S : f16>
// CHECK-NEXT:    func.return %6 : !tensor_ext.tensor<B, 4 * S : f16>
// CHECK-NEXT:  }
func.func @f(%x: !tensor_ext.tensor<B, S, 4, 32 : f32>, %w: !tensor_ext.tensor<S * 4 : f32>) -> !tensor_ext.tensor<B, S * 4 : f16> {
  %0 = tensor_ext.reduce sum %x over [3] : !tensor_ext.tensor<B, S, 4 : f32>
  %1 = tensor_ext.reshape %0 : !tensor_ext.tensor<B, S * 4 : f32>
  %2 = tensor_ext.broadcast %w along [1] : !tensor_ext.tensor<B, S * 4 : f32>
  %3 = pointwise.mul %1, %2 : !tensor_ext.tensor<B, S * 4 : f32>
  %one = arith.constant 1.0 : f64
  %4 = pointwise.add %3, %one : !tensor_ext.tensor<B, S * 4 : f32>
  %5 = pointwise.cast %4 : !tensor_ext.tensor<B, S * 4 : f16>
  func.return %5 : !tensor_ext.tensor<B, S * 4 : f16>
}
