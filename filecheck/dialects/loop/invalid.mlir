// RUN: flashlight-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: dim i is declared twice
func.func @f(%x: !tensor_ext.tensor<S : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S, i = S] {
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: each of the 1 results is stored once; stored: []
func.func @f(%x: !tensor_ext.tensor<S : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S] {
    %0 = loop.load %X[i] : !loop.tile<i : f32>
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: loop.load wants 1 indices, got 2
func.func @f(%x: !tensor_ext.tensor<S : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S] {
    %0 = loop.load %X[i, i] : !loop.tile<i : f32>
    loop.store %0, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: no operand has the dim k
func.func @f(%x: !tensor_ext.tensor<S : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S, k = 4] {
    %0 = loop.load %X[i] : !loop.tile<i : f32>
    %1 = loop.reduce sum %0 over [k] : !loop.tile<i : f32>
    loop.store %1, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: has its dims in another order than the kernel
func.func @f(%x: !tensor_ext.tensor<S, T : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
    %0 = loop.load %X[i, j] : !loop.tile<j, i : f32>
    loop.store %0, 0[i, j]
  } : !tensor_ext.tensor<S, T : f32>
  func.return
}

// -----

// CHECK: a value over j crosses the border of its fold
func.func @f(%x: !tensor_ext.tensor<S, T : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
    %zero = arith.constant 0.0 : f32
    %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %s = loop.fold over [j] in [0, T) (%s0 = %zero : !loop.tile<i : f32>) {
      %1 = loop.reduce sum %0 over [j] : !loop.tile<i : f32>
      %2 = pointwise.add %s0, %1 : !loop.tile<i : f32>
      loop.yield %2
    }
    loop.store %s, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: a fold yields its state: !loop.tile<i : f32>
func.func @f(%x: !tensor_ext.tensor<S, T : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
    %zero = arith.constant 0.0 : f32
    %s = loop.fold over [j] in [0, T) (%s0 = %zero : !loop.tile<i : f32>) {
      loop.yield
    }
    loop.store %s, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: 'min' is no dim
func.func @f(%x: !tensor_ext.tensor<S : f32>) {
  %r = loop.kernel @k(%X = %x) dims [min = S] {
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: the extent of i is between 1 and 2**31 - 1, got 0
func.func @f(%x: !tensor_ext.tensor<S : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = 0] {
    %0 = arith.constant 0.0 : f32
    loop.store %0, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: the condition of a fold is an i1 over dims that each part of its state has
func.func @f(%x: !tensor_ext.tensor<S, T : f32>) {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
    %zero = arith.constant 0.0 : f32
    %s = loop.fold over [j] in [0, T) if %zero (%s0 = %zero : !loop.tile<i : f32>) {
      loop.yield %s0
    }
    loop.store %s, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return
}
