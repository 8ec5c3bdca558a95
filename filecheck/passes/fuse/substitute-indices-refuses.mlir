// RUN: flashlight-opt --pass-pipeline=substitute-indices %s | filecheck %s

// Sizes that a view does not divide evenly stay floordiv and mod: a load that gathers, and no refusal.
// CHECK-LABEL: @uneven
// CHECK:       loop.load %X[(3 * i + j) floordiv 5, (3 * i + j) mod 5]
func.func @uneven(%x: !tensor_ext.tensor<3, 5 : f32>) -> !tensor_ext.tensor<5 : f32> {
  %r = tensor_ext.group @k0(%X = %x) {
    %t = tensor_ext.reshape %X : !tensor_ext.tensor<5, 3 : f32>
    %s = tensor_ext.reduce sum %t over [1] : !tensor_ext.tensor<5 : f32>
    tensor_ext.yield %s
  } : !tensor_ext.tensor<5 : f32>
  func.return %r : !tensor_ext.tensor<5 : f32>
}
