// NOTE: `make update-filecheck` writes the expected text of this file.
// RUN: flashlight-opt --pass-pipeline=split-concats %s | filecheck %s

// Both parts are long: one loop over both. A slice that is no part stays.
// CHECK-LABEL: @long
// CHECK-NEXT:    %0 = tensor_ext.concat %x, %y axis 1 : !tensor_ext.tensor<B, S + T : f32>
// CHECK-NEXT:    %1 = tensor_ext.reduce sum %0 over [1] : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    func.return %1 : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:  }
func.func @long(%x: !tensor_ext.tensor<B, S : f32>, %y: !tensor_ext.tensor<B, T : f32>) -> !tensor_ext.tensor<B : f32> {
  %0 = tensor_ext.concat %x, %y axis 1 : !tensor_ext.tensor<B, S + T : f32>
  %1 = tensor_ext.reduce sum %0 over [1] : !tensor_ext.tensor<B : f32>
  func.return %1 : !tensor_ext.tensor<B : f32>
}

// CHECK-LABEL: @inside
// CHECK-NEXT:    %0 = tensor_ext.concat %x, %y axis 1 : !tensor_ext.tensor<B, S + 1 : f32>
// CHECK-NEXT:    %1 = tensor_ext.slice %0 axis 1 from 1 step 1 : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:    func.return %1 : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:  }
func.func @inside(%x: !tensor_ext.tensor<B, S : f32>, %y: !tensor_ext.tensor<B, 1 : f32>) -> !tensor_ext.tensor<B, S : f32> {
  %0 = tensor_ext.concat %x, %y axis 1 : !tensor_ext.tensor<B, S + 1 : f32>
  %1 = tensor_ext.slice %0 axis 1 from 1 step 1 : !tensor_ext.tensor<B, S : f32>
  func.return %1 : !tensor_ext.tensor<B, S : f32>
}
