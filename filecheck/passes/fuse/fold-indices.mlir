// RUN: flashlight-opt --pass-pipeline=fold-indices %s | filecheck %s

// A flattened index into a padding mask is a load: (b S + j) floordiv S = b, (b S + j) mod S = j, and 0 <= j always.
// CHECK-LABEL: @flattened
// CHECK:      loop.load %X[b, j] : !loop.tile<b, j : f32>
// CHECK-NEXT: loop.store
func.func @flattened(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B, S : f32> {
  %r = loop.kernel @k(%X = %x) dims [b = B, j = S] {
    %zero = arith.constant 0.0 : f64
    %n = loop.index S : index
    %0 = loop.index b * S + j : !loop.tile<b, j : index>
    %1 = pointwise.floordiv %0, %n : !loop.tile<b, j : index>
    %2 = pointwise.mod %0, %n : !loop.tile<b, j : index>
    %3 = loop.load %X[%1, %2] : !loop.tile<b, j : f32>
    %4 = arith.constant 0 : index
    %5 = pointwise.ge %2, %4 : !loop.tile<b, j : i1>
    %6 = pointwise.select %5, %3, %zero : !loop.tile<b, j : f32>
    loop.store %6, 0[b, j]
  } : !tensor_ext.tensor<B, S : f32>
  func.return %r : !tensor_ext.tensor<B, S : f32>
}

// A negative position that is never there need not be wrapped; i + 0 is i.
// CHECK-LABEL: @wrapped
// CHECK:      %[[j:.*]] = loop.index j
// CHECK-NEXT: pointwise.cast %[[j]] : !loop.tile<j : f32>
// CHECK-NOT:  select
func.func @wrapped() -> !tensor_ext.tensor<T : f32> {
  %r = loop.kernel @k() dims [j = T] {
    %zero = arith.constant 0 : index
    %n = arith.constant 128 : index
    %0 = loop.index j : !loop.tile<j : index>
    %1 = pointwise.add %0, %zero : !loop.tile<j : index>
    %2 = pointwise.lt %1, %zero : !loop.tile<j : i1>
    %3 = pointwise.add %1, %n : !loop.tile<j : index>
    %4 = pointwise.select %2, %3, %1 : !loop.tile<j : index>
    %5 = pointwise.cast %4 : !loop.tile<j : f32>
    loop.store %5, 0[j]
  } : !tensor_ext.tensor<T : f32>
  func.return %r : !tensor_ext.tensor<T : f32>
}

// A finite mask that is added is a choice of two scores; the numbers take the score's type.
// CHECK-LABEL: @finite
// CHECK:      %[[s:.*]] = loop.load
// CHECK:      %[[m:.*]] = pointwise.add %[[s]], %low : !loop.tile<i, j : f32>
// CHECK-NEXT: pointwise.select %{{.*}}, %[[s]], %[[m]] : !loop.tile<i, j : f32>
func.func @finite(%x: !tensor_ext.tensor<8, 8 : f32>) -> !tensor_ext.tensor<8, 8 : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = 8, j = 8] {
    %zero = arith.constant 0.0 : f64
    %low = arith.constant -65504.0 : f64
    %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %i = loop.index i : !loop.tile<i : index>
    %j = loop.index j : !loop.tile<j : index>
    %k = pointwise.le %j, %i : !loop.tile<i, j : i1>
    %b = pointwise.select %k, %zero, %low : !loop.tile<i, j : f64>
    %f = pointwise.cast %b : !loop.tile<i, j : f32>
    %0 = pointwise.add %s, %f : !loop.tile<i, j : f32>
    loop.store %0, 0[i, j]
  } : !tensor_ext.tensor<8, 8 : f32>
  func.return %r : !tensor_ext.tensor<8, 8 : f32>
}
