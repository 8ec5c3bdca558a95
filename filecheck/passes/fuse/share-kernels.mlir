// RUN: flashlight-opt --pass-pipeline=share-kernels %s | filecheck %s

// The same sums of rows twice, under other names: one function. What is formed once, or sums columns, stays where it is.
// CHECK-LABEL: func.func @layers
// CHECK-NEXT:    %a = func.call @k0(%x) : (!tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32>
// CHECK-NEXT:    %b = func.call @k0(%y) : (!tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32>
// CHECK-NEXT:    %c = tensor_ext.group @k2(%Z = %y) {
// CHECK:         } : !tensor_ext.tensor<T : f32>
// CHECK-NEXT:    func.return %a, %b, %c
// CHECK:       func.func private @k0(%X: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
// CHECK-NEXT:    %a = tensor_ext.group @k0(%{{.*}} = %X) {
// CHECK-NEXT:      %0 = tensor_ext.reduce sum %{{.*}} over [1] : !tensor_ext.tensor<S : f32>
// CHECK-NEXT:      tensor_ext.yield %0
// CHECK-NEXT:    } : !tensor_ext.tensor<S : f32>
// CHECK-NEXT:    func.return %a : !tensor_ext.tensor<S : f32>
func.func @layers(%x: !tensor_ext.tensor<S, T : f32>, %y: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<T : f32>) {
  %a = tensor_ext.group @k0(%X = %x) {
    %0 = tensor_ext.reduce sum %X over [1] : !tensor_ext.tensor<S : f32>
    tensor_ext.yield %0
  } : !tensor_ext.tensor<S : f32>
  %b = tensor_ext.group @k1(%Y = %y) {
    %0 = tensor_ext.reduce sum %Y over [1] : !tensor_ext.tensor<S : f32>
    tensor_ext.yield %0
  } : !tensor_ext.tensor<S : f32>
  %c = tensor_ext.group @k2(%Z = %y) {
    %0 = tensor_ext.reduce sum %Z over [0] : !tensor_ext.tensor<T : f32>
    tensor_ext.yield %0
  } : !tensor_ext.tensor<T : f32>
  func.return %a, %b, %c : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<T : f32>
}
