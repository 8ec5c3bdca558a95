// RUN: flashlight-opt --pass-pipeline=narrow-indices %s | filecheck %s

// float(j - i): one cast, from the index.
// CHECK-LABEL: @distance
// CHECK:      %[[i:.*]] = loop.index i
// CHECK-NEXT: %[[j:.*]] = loop.index j
// CHECK-NEXT: %[[d:.*]] = pointwise.sub %[[j]], %[[i]] : !loop.tile<i, j : index>
// CHECK-NEXT: pointwise.cast %[[d]] : !loop.tile<i, j : f32>
func.func @distance() -> !tensor_ext.tensor<8, 4 : f32> {
  %r = loop.kernel @k() dims [i = 8, j = 4] {
    %0 = loop.index i : !loop.tile<i : index>
    %1 = pointwise.cast %0 : !loop.tile<i : i64>
    %2 = loop.index j : !loop.tile<j : index>
    %3 = pointwise.cast %2 : !loop.tile<j : i64>
    %4 = pointwise.sub %3, %1 : !loop.tile<i, j : i64>
    %5 = pointwise.cast %4 : !loop.tile<i, j : f32>
    loop.store %5, 0[i, j]
  } : !tensor_ext.tensor<8, 4 : f32>
  func.return %r : !tensor_ext.tensor<8, 4 : f32>
}

// A product of coordinates may pass 32 bits: it stays as the program wrote it.
// CHECK-LABEL: @area
// CHECK: pointwise.mul %{{.*}}, %{{.*}} : !loop.tile<i, j : i64>
func.func @area() -> !tensor_ext.tensor<8, 4 : i64> {
  %r = loop.kernel @k() dims [i = 8, j = 4] {
    %0 = loop.index i : !loop.tile<i : index>
    %1 = pointwise.cast %0 : !loop.tile<i : i64>
    %2 = loop.index j : !loop.tile<j : index>
    %3 = pointwise.cast %2 : !loop.tile<j : i64>
    %4 = pointwise.mul %3, %1 : !loop.tile<i, j : i64>
    loop.store %4, 0[i, j]
  } : !tensor_ext.tensor<8, 4 : i64>
  func.return %r : !tensor_ext.tensor<8, 4 : i64>
}
