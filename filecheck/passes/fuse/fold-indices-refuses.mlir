// RUN: flashlight-opt --pass-pipeline=fold-indices %s | filecheck %s

// The extents do not decide: j may pass 4.
// CHECK-LABEL: @open
// CHECK: pointwise.lt
func.func @open() -> !tensor_ext.tensor<8 : i1> {
  %r = loop.kernel @k() dims [j = 8] {
    %four = arith.constant 4 : index
    %0 = loop.index j : !loop.tile<j : index>
    %1 = pointwise.lt %0, %four : !loop.tile<j : i1>
    loop.store %1, 0[j]
  } : !tensor_ext.tensor<8 : i1>
  func.return %r : !tensor_ext.tensor<8 : i1>
}

// A store reads the dim that the constant would lose.
// CHECK-LABEL: @stored
// CHECK: pointwise.ge
func.func @stored() -> !tensor_ext.tensor<8 : i1> {
  %r = loop.kernel @k() dims [j = 8] {
    %zero = arith.constant 0 : index
    %0 = loop.index j : !loop.tile<j : index>
    %1 = pointwise.ge %0, %zero : !loop.tile<j : i1>
    loop.store %1, 0[j]
  } : !tensor_ext.tensor<8 : i1>
  func.return %r : !tensor_ext.tensor<8 : i1>
}

// An index that may leave the tensor stays a gather, which never reads outside.
// CHECK-LABEL: @outside
// CHECK: loop.load %X[%{{.*}}]
func.func @outside(%x: !tensor_ext.tensor<8 : f32>) -> !tensor_ext.tensor<8 : f32> {
  %r = loop.kernel @k(%X = %x) dims [j = 8] {
    %0 = loop.index j + 1 : !loop.tile<j : index>
    %1 = loop.load %X[%0] : !loop.tile<j : f32>
    loop.store %1, 0[j]
  } : !tensor_ext.tensor<8 : f32>
  func.return %r : !tensor_ext.tensor<8 : f32>
}
