// NOTE: `make update-filecheck` writes the expected text of this file.
// RUN: flashlight-opt --pass-pipeline=sink-reshapes %s | filecheck %s

// A load can be at any index.
// CHECK-LABEL: @loaded
// CHECK-NEXT:    %0 = tensor_ext.reshape %x : !tensor_ext.tensor<4 * S : f32>
// CHECK-NEXT:    %1 = pointwise.exp %0 : !tensor_ext.tensor<4 * S : f32>
// CHECK-NEXT:    func.return %1 : !tensor_ext.tensor<4 * S : f32>
// CHECK-NEXT:  }
func.func @loaded(%x: !tensor_ext.tensor<S, 4 : f32>) -> !tensor_ext.tensor<S * 4 : f32> {
  %0 = tensor_ext.reshape %x : !tensor_ext.tensor<S * 4 : f32>
  %1 = pointwise.exp %0 : !tensor_ext.tensor<S * 4 : f32>
  func.return %1 : !tensor_ext.tensor<S * 4 : f32>
}

// The axis is split, or 8 comes from another pair.
// CHECK-LABEL: @split
// CHECK-NEXT:    %0 = tensor_ext.reduce sum %x over [0] : !tensor_ext.tensor<6, 4 : f32>
// CHECK-NEXT:    %1 = tensor_ext.reshape %0 : !tensor_ext.tensor<8, 3 : f32>
// CHECK-NEXT:    %2 = pointwise.exp %1 : !tensor_ext.tensor<8, 3 : f32>
// CHECK-NEXT:    %3 = tensor_ext.broadcast %2 along [0, 1] : !tensor_ext.tensor<8, 3, 4 : f32>
// CHECK-NEXT:    func.return %3, %2 : !tensor_ext.tensor<8, 3, 4 : f32>, !tensor_ext.tensor<8, 3 : f32>
// CHECK-NEXT:  }
func.func @split(%x: !tensor_ext.tensor<32, 6, 4 : f32>) -> (!tensor_ext.tensor<8, 3, 4 : f32>, !tensor_ext.tensor<8, 3 : f32>) {
  %0 = tensor_ext.reduce sum %x over [0] : !tensor_ext.tensor<6, 4 : f32>
  %1 = tensor_ext.reshape %0 : !tensor_ext.tensor<8, 3 : f32>
  %2 = pointwise.exp %1 : !tensor_ext.tensor<8, 3 : f32>
  %3 = tensor_ext.broadcast %2 along [0, 1] : !tensor_ext.tensor<8, 3, 4 : f32>
  func.return %3, %2 : !tensor_ext.tensor<8, 3, 4 : f32>, !tensor_ext.tensor<8, 3 : f32>
}
