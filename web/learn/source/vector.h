// Four floats at a time: WebAssembly SIMD, and the functions that the LSTM needs of them.
#pragma once
#include <wasm_simd128.h>

typedef v128_t vec;

#define load(address) wasm_v128_load(address)
#define store(address, value) wasm_v128_store(address, value)
#define splat(value) wasm_f32x4_splat(value)
#define add(a, b) wasm_f32x4_add(a, b)
#define sub(a, b) wasm_f32x4_sub(a, b)
#define mul(a, b) wasm_f32x4_mul(a, b)
#define divide(a, b) wasm_f32x4_div(a, b)

// a * b + c. Relaxed SIMD rounds once where the processor can; then sums differ in the last bits between processors.
static inline vec fused(vec a, vec b, vec c) {
#ifdef __wasm_relaxed_simd__
    return wasm_f32x4_relaxed_madd(a, b, c);
#else
    return add(mul(a, b), c);
#endif
}

static inline float sum_of(vec a) {
    return (wasm_f32x4_extract_lane(a, 0) + wasm_f32x4_extract_lane(a, 1)) +
           (wasm_f32x4_extract_lane(a, 2) + wasm_f32x4_extract_lane(a, 3));
}

// exp(x), with a relative error below 2e-7. x is cut to [-87, 88], where the result is a normal number.
static inline vec exponential(vec x) {
    x = wasm_f32x4_pmin(splat(88.0f), wasm_f32x4_pmax(splat(-87.0f), x));
    vec n = wasm_f32x4_nearest(mul(x, splat(1.44269504088896341f)));
    // x - n ln 2 in two parts, so that the difference is exact; |r| <= ln 2 / 2.
    vec r = sub(sub(x, mul(n, splat(0.693359375f))), mul(n, splat(-2.12194440e-4f)));
    // Taylor's series to r^7 / 7!, whose remainder is below 6e-9.
    vec p = splat(1.0f / 5040);
    p = add(mul(p, r), splat(1.0f / 720));
    p = add(mul(p, r), splat(1.0f / 120));
    p = add(mul(p, r), splat(1.0f / 24));
    p = add(mul(p, r), splat(1.0f / 6));
    p = add(mul(p, r), splat(0.5f));
    p = add(mul(p, r), splat(1.0f));
    p = add(mul(p, r), splat(1.0f));
    vec power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
    return mul(p, power);
}

static inline vec sigmoid(vec x) { return divide(splat(1.0f), add(splat(1.0f), exponential(wasm_f32x4_neg(x)))); }

// tanh(x). Near zero, where 1 - 2 / (1 + exp(2x)) loses digits, its series to x^9.
static inline vec hyperbolic_tangent(vec x) {
    vec y = mul(x, x);
    vec p = splat(62.0f / 2835);
    p = add(mul(p, y), splat(-17.0f / 315));
    p = add(mul(p, y), splat(2.0f / 15));
    p = add(mul(p, y), splat(-1.0f / 3));
    vec near = add(x, mul(mul(x, y), p));
    vec far = sub(splat(1.0f), divide(splat(2.0f), add(splat(1.0f), exponential(add(x, x)))));
    return wasm_v128_bitselect(near, far, wasm_f32x4_lt(wasm_f32x4_abs(x), splat(0.25f)));
}
