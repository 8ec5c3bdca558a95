// RUN: flashlight-opt --pass-pipeline=assign-roles,choose-sizes %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=assign-roles,choose-sizes{i=16} %s | filecheck %s --check-prefix TOLD
// RUN: flashlight-opt --pass-pipeline=assign-roles,choose-sizes{machine=sm_89} %s | filecheck %s --check-prefix SMALL
// RUN: flashlight-opt --pass-pipeline=tile{machine=sm_80},lower %s | filecheck %s --check-prefix OPTION

// CHECK-LABEL: @rows
// CHECK: schedule [b grid 1, i grid 64, d whole] warps 4 stages 2
// TOLD: schedule [b grid 1, i grid 16, d whole] warps 4 stages 2
func.func @rows(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
  %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] {
    %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
    %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
    loop.store %1, 0[b, i]
  } : !tensor_ext.tensor<B, S : f32>
  func.return %r : !tensor_ext.tensor<B, S : f32>
}

// CHECK-LABEL: @product
// CHECK: schedule [i grid 128, j stream 64, d whole, e whole] warps 8 stages 3
// TOLD: schedule [i grid 16, j stream 64, d whole, e whole] warps 4 stages 3
func.func @product(%q: !tensor_ext.tensor<S, 64 : f16>, %k: !tensor_ext.tensor<T, 64 : f16>, %v: !tensor_ext.tensor<T, 64 : f16>) -> !tensor_ext.tensor<S, 64 : f16> {
  %r = loop.kernel @k(%Q = %q, %K = %k, %V = %v) dims [i = S, j = T, d = 64, e = 64] {
    %zero = arith.constant 0.0 : f32
    %0 = loop.load %Q[i, d] : !loop.tile<i, d : f16>
    %o = loop.fold over [j] in [0, T) (%o0 = %zero : !loop.tile<i, e : f32>) {
      %1 = loop.load %K[j, d] : !loop.tile<j, d : f16>
      %2 = loop.load %V[j, e] : !loop.tile<j, e : f16>
      %s = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
      %t = pointwise.sigmoid %s : !loop.tile<i, j : f32>
      %p = pointwise.cast %t : !loop.tile<i, j : f16>
      %u = loop.contract %p, %2 over [j] : !loop.tile<i, e : f32>
      %o1 = pointwise.add %o0, %u : !loop.tile<i, e : f32>
      loop.yield %o1
    }
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 64 : f16>
  func.return %r : !tensor_ext.tensor<S, 64 : f16>
}

// A machine with 227 KiB of shared memory keeps three long chunks in flight; one with 99 KiB two short ones.
// CHECK-LABEL: @wide
// CHECK: schedule [i grid 128, j stream 128, d whole, e whole] warps 8 stages 3
// SMALL-LABEL: @wide
// SMALL: schedule [i grid 128, j stream 64, d whole, e whole] warps 8 stages 2
// OPTION: def kernel_2
func.func @wide(%q: !tensor_ext.tensor<S, 128 : f16>, %k: !tensor_ext.tensor<T, 128 : f16>, %v: !tensor_ext.tensor<T, 128 : f16>) -> !tensor_ext.tensor<S, 128 : f16> {
  %r = loop.kernel @k(%Q = %q, %K = %k, %V = %v) dims [i = S, j = T, d = 128, e = 128] {
    %zero = arith.constant 0.0 : f32
    %0 = loop.load %Q[i, d] : !loop.tile<i, d : f16>
    %o = loop.fold over [j] in [0, T) (%o0 = %zero : !loop.tile<i, e : f32>) {
      %1 = loop.load %K[j, d] : !loop.tile<j, d : f16>
      %2 = loop.load %V[j, e] : !loop.tile<j, e : f16>
      %s = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
      %t = pointwise.sigmoid %s : !loop.tile<i, j : f32>
      %p = pointwise.cast %t : !loop.tile<i, j : f16>
      %u = loop.contract %p, %2 over [j] : !loop.tile<i, e : f32>
      %o1 = pointwise.add %o0, %u : !loop.tile<i, e : f32>
      loop.yield %o1
    }
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 128 : f16>
  func.return %r : !tensor_ext.tensor<S, 128 : f16>
}

// Products of f32 are the threads' own work: twice as many hold half as many rows and columns. TF32 is the matrix units'.
// CHECK-LABEL: @precise
// CHECK: schedule [i grid 64, j stream 32, d whole] warps 8 stages 3
// CHECK-LABEL: @tf32
// CHECK: schedule [i grid 64, j stream 32, d whole] warps 4 stages 3
func.func @precise(%q: !tensor_ext.tensor<S, 64 : f32>, %k: !tensor_ext.tensor<T, 64 : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%Q = %q, %K = %k) dims [i = S, j = T, d = 64] {
    %zero = arith.constant 0.0 : f32
    %0 = loop.load %Q[i, d] : !loop.tile<i, d : f32>
    %o = loop.fold over [j] in [0, T) (%o0 = %zero : !loop.tile<i : f32>) {
      %1 = loop.load %K[j, d] : !loop.tile<j, d : f32>
      %s = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
      %u = loop.reduce sum %s over [j] : !loop.tile<i : f32>
      %o1 = pointwise.add %o0, %u : !loop.tile<i : f32>
      loop.yield %o1
    }
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

func.func @tf32(%q: !tensor_ext.tensor<S, 64 : f32>, %k: !tensor_ext.tensor<T, 64 : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%Q = %q, %K = %k) dims [i = S, j = T, d = 64] {
    %zero = arith.constant 0.0 : f32
    %0 = loop.load %Q[i, d] : !loop.tile<i, d : f32>
    %o = loop.fold over [j] in [0, T) (%o0 = %zero : !loop.tile<i : f32>) {
      %1 = loop.load %K[j, d] : !loop.tile<j, d : f32>
      %s = loop.contract %0, %1 over [d] precision tf32 : !loop.tile<i, j : f32>
      %u = loop.reduce sum %s over [j] : !loop.tile<i : f32>
      %o1 = pointwise.add %o0, %u : !loop.tile<i : f32>
      loop.yield %o1
    }
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
