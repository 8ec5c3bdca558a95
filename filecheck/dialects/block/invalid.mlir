// RUN: flashlight-opt -t mlir %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: a block's size is a power of two, got 72
func.func @f(%x: !block.tile<72 : f32>) {
  func.return
}

// -----

// CHECK: a block has axes, and at most 1048576 elements
func.func @f(%x: !block.tile<65536, 32 : f32>) {
  func.return
}

// -----

// CHECK: shapes [64, 1] and [32, 1] do not fit
func.func @f(%x: !block.tile<64, 1 : f32>, %y: !block.tile<32, 1 : f32>) {
  %0 = pointwise.add %x, %y : !block.tile<64, 1 : f32>
  func.return
}

// -----

// CHECK: block.dot wants 16 or more elements along the contracted axis
func.func @f(%x: !block.tile<64, 8 : f16>, %y: !block.tile<8, 64 : f16>) {
  %0 = block.dot %x, %y : !block.tile<64, 64 : f32>
  func.return
}

// -----

// CHECK: block.reduce: result type should be !block.tile<64 : f32>, is !block.tile<8 : f32>
func.func @f(%x: !block.tile<64, 8 : f32>) {
  %0 = block.reduce sum %x axis 1 : !block.tile<8 : f32>
  func.return
}

// -----

// CHECK: block.index: j is no operand
func.func @f(%i: index) {
  %0 = block.index i - j (i = %i) : index
  func.return
}

// -----

// CHECK: block.load wants 2 indices, got 1
func.func @f(%x: !tensor_ext.tensor<S, 64 : f32>, %i: index) {
  %0 = block.load %x[%i] : f32
  func.return
}

// -----

// CHECK: warps are a power of two up to 32 and stages 1 to 16, got 3 and 2
func.func @f(%x: !tensor_ext.tensor<S : f32>) {
  %0 = block.kernel @k(%X = %x) programs [S] warps 3 stages 2 {
  } : !tensor_ext.tensor<S : f32>
  func.return
}

// -----

// CHECK: block.for has 1 to 16 stages, got 0
func.func @f(%x: !tensor_ext.tensor<4 : f32>) -> !tensor_ext.tensor<4 : f32> {
  %r = block.kernel @k(%X = %x) programs [1] warps 4 stages 2 {
    %zero = arith.constant 0 : index
    %n = arith.constant 4 : index
    block.for %j = %zero to %n step 1 stages 0 {
      %0 = block.load %X[%j] : f32
      block.store %0, 0[%j]
      block.yield
    }
  } : !tensor_ext.tensor<4 : f32>
  func.return %r : !tensor_ext.tensor<4 : f32>
}
