// RUN: flashlight-opt -t mlir %s | flashlight-opt -t mlir | filecheck %s

// CHECK: block.kernel @k0(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) programs [B, (S + 63) floordiv 64] warps 4 stages 2 {
func.func @f(%q: !tensor_ext.tensor<B, S, 64 : f16>, %k: !tensor_ext.tensor<B, S, 64 : f16>) -> !tensor_ext.tensor<B, S, 64 : f32> {
  %r = block.kernel @k0(%Q = %q, %K = %k) programs [B, (S + 63) floordiv 64] warps 4 stages 2 {
    // CHECK-NEXT: %[[P:.*]] = block.program : index
    %p = block.program : index
    // CHECK-NEXT: %[[I:.*]] = block.index 64 * (p mod ((S + 63) floordiv 64)) (p = %[[P]]) : index
    %i = block.index (p mod ((S + 63) floordiv 64)) * 64 (p = %p) : index
    %b = block.index p floordiv ((S + 63) floordiv 64) (p = %p) : index
    %n = block.index S : index
    %zero = arith.constant 0 : index
    %fzero = arith.constant 0.0 : f32
    // CHECK: block.iota : !block.tile<64 : index>
    %l = block.iota : !block.tile<64 : index>
    // CHECK: block.expand %{{.*}} [1] : !block.tile<64, 1 : index>
    %rows = block.expand %l [1] : !block.tile<64, 1 : index>
    %cols = block.expand %l [0] : !block.tile<1, 64 : index>
    %at = pointwise.add %i, %rows : !block.tile<64, 1 : index>
    %mask = pointwise.lt %at, %n : !block.tile<64, 1 : i1>
    // CHECK: block.load %{{.*}}[%{{.*}}, %[[I]] + %{{.*}}, %{{.*}} + %{{.*}}] if %{{.*}} : !block.tile<64, 64 : f16>
    %0 = block.load %Q[%b, %i + %rows, %zero + %cols] if %mask : !block.tile<64, 64 : f16>
    // CHECK: block.splat %{{.*}} : !block.tile<64, 64 : f32>
    %init = block.splat %fzero : !block.tile<64, 64 : f32>
    // CHECK: block.for %{{.*}} = %{{.*}} to %{{.*}} step 64 (%{{.*}} = %{{.*}} : !block.tile<64, 64 : f32>) {
    %o = block.for %j = %zero to %n step 64 (%acc = %init : !block.tile<64, 64 : f32>) {
      %1 = block.load %K[%b, %j + %rows, %zero + %cols] : !block.tile<64, 64 : f16>
      // CHECK: block.trans %{{.*}} : !block.tile<64, 64 : f16>
      %2 = block.trans %1 : !block.tile<64, 64 : f16>
      // CHECK: block.dot %{{.*}}, %{{.*}} : !block.tile<64, 64 : f32>
      %3 = block.dot %0, %2 : !block.tile<64, 64 : f32>
      // CHECK: block.reduce max %{{.*}} axis 1 : !block.tile<64 : f32>
      %4 = block.reduce max %3 axis 1 : !block.tile<64 : f32>
      %5 = block.expand %4 [1] : !block.tile<64, 1 : f32>
      %6 = pointwise.mul %acc, %5 : !block.tile<64, 64 : f32>
      // CHECK: block.dot %{{.*}}, %{{.*}} into %{{.*}} : !block.tile<64, 64 : f32>
      %7 = block.dot %0, %2 into %6 : !block.tile<64, 64 : f32>
      // CHECK: block.yield %{{.*}}
      block.yield %7
    }
    // CHECK: block.store %{{.*}}, 0[%{{.*}}, %{{.*}} + %{{.*}}, %{{.*}} + %{{.*}}] if %{{.*}}
    block.store %o, 0[%b, %i + %rows, %zero + %cols] if %mask
  } : !tensor_ext.tensor<B, S, 64 : f32>
  func.return %r : !tensor_ext.tensor<B, S, 64 : f32>
}
