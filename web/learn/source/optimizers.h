// Muon for the LSTM's matrices and AdamW for everything else, as training/learner/optimizers.py has them.
#pragma once
#include "product.h"

#define LARGEST_NORM 1e30  // of a gradient; a larger one, or one that is no number, is a fault

typedef struct {
    float *weights, *gradient, *mean, *squares;  // (count,) each; Muon has no squares
    size count;
    int decays;  // whether weight decay applies: to matrices, not to biases
} Parameters;

#define MOMENTUM 0.95f  // of Muon, Nesterov's kind
#define ITERATIONS 3
#define TURNS 2         // steps in which every block is updated once
#define SAFETY 1.01f
#define BETA_1 0.9f     // of AdamW
#define BETA_2 0.99f
#define BLOCK_CELLS 256
#define TINY 1e-30f     // products of smaller numbers become denormal, which makes them 200 times as slow

// The polynomials of the Polar Express (Amsel et al. 2025).
static const float polynomials[ITERATIONS][3] = {
    {8.28721201814563f, -23.595886519098837f, 17.300387312530933f},
    {4.107059111542203f, -2.9478499167379106f, 0.5448431082926601f},
    {3.9486908534822946f, -2.908902115962949f, 0.5518191394370137f},
};

static float power(float base, u32 exponent) {
    double result = 1, factor = base;
    for (; exponent; exponent >>= 1, factor *= factor)
        if (exponent & 1) result *= factor;
    return (float)result;
}

static vec flushed(vec x) { return wasm_v128_and(x, wasm_f32x4_ge(wasm_f32x4_abs(x), splat(TINY))); }

// Counts are multiples of 4: the learner pads each parameter.
static __attribute__((noinline)) void adamw(Parameters p, float rate, float weight_decay, u32 number) {
    vec kept = splat(p.decays ? 1 - rate * weight_decay : 1.0f);
    vec step = splat(-rate / (1 - power(BETA_1, number)));
    vec root_scale = splat(1 / __builtin_sqrtf(1 - power(BETA_2, number)));
    for (size n = 0; n < p.count; n += 4) {
        vec gradient = load(p.gradient + n), mean = load(p.mean + n), squares = load(p.squares + n);
        mean = flushed(add(mean, mul(sub(gradient, mean), splat(1 - BETA_1))));
        squares = flushed(add(mul(squares, splat(BETA_2)), mul(mul(gradient, gradient), splat(1 - BETA_2))));
        vec root = add(mul(wasm_f32x4_sqrt(squares), root_scale), splat(1e-8f));
        store(p.mean + n, mean);
        store(p.squares + n, squares);
        store(p.weights + n, add(mul(load(p.weights + n), kept), mul(step, divide(mean, root))));
    }
}

static double squared_norm(const float *values, size count) {
    double total = 0;
    for (size first = 0; first < count; first += 1024) {  // in parts, because a float sum of all would lose digits
        vec sum = splat(0.0f);
        size end = first + 1024 < count ? first + 1024 : count;
        for (size n = first; n < end; n += 4) sum = add(sum, mul(load(values + n), load(values + n)));
        total += sum_of(sum);
    }
    return total;
}

// Scales the gradient down so that its norm is at most `largest`, and returns the norm before. A gradient that is not
// finite stays as it is.
static __attribute__((noinline)) double clip(float *gradient, size count, float largest) {
    double norm = __builtin_sqrt(squared_norm(gradient, count));
    float scale = (float)(largest / (norm + 1e-6));
    if (norm < LARGEST_NORM && scale < 1)
        for (size n = 0; n < count; n += 4) store(gradient + n, mul(load(gradient + n), splat(scale)));
    return norm;
}

// Moves the average towards the weights by `share` of the difference.
static __attribute__((noinline)) void move_average(float *average, const float *weights, size count, float share) {
    for (size n = 0; n < count; n += 4) {
        vec now = load(average + n);
        store(average + n, add(now, mul(sub(load(weights + n), now), splat(share))));
    }
}

// The number of equal blocks of a gate, of 128 to 256 cells each; 1 if the cells cannot be so divided.
static size parts_of(size cells) {
    for (size parts = (cells + BLOCK_CELLS - 1) / BLOCK_CELLS; parts <= 2 * cells / BLOCK_CELLS; parts++)
        if (cells % parts == 0) return parts;
    return 1;
}

static size muon_space(size cells, size columns) {
    size rows = cells / parts_of(cells), small = rows < columns ? rows : columns, large = rows < columns ? columns : rows;
    return 2 * small * large + 2 * small * small + packed_size(large, small) + packed_size(small, large) + LEFT_SPACE;
}

// Moves the singular values of x (small, large) towards one; returns where the result is: x or `other`.
static float *orthogonalize(float *x, float *other, size small, size large, float *space) {
    float *gram = space, *inner = gram + small * small, *packed = inner + small * small;
    float *left_space = packed + packed_size(large, small) + packed_size(small, large);
    float norm = (float)__builtin_sqrt(squared_norm(x, small * large)) + 1e-7f;
    vec scale = splat(1 / norm);
    for (size n = 0; n < small * large; n += 4) store(x + n, mul(load(x + n), scale));
    for (int step = 0; step < ITERATIONS; step++) {
        float a = polynomials[step][0] / SAFETY, b = polynomials[step][1] / (SAFETY * SAFETY * SAFETY);
        float c = polynomials[step][2] / (SAFETY * SAFETY * SAFETY * SAFETY * SAFETY);
        pack(packed, transposed(x, large), large, small);
        multiply(gram, small, rows_of(x, large), packed, small, large, small, 0, left_space);
        pack(packed, rows_of(gram, small), small, small);
        multiply(inner, small, rows_of(gram, small), packed, small, small, small, 0, left_space);
        for (size n = 0; n < small * small; n += 4)
            store(inner + n, add(mul(load(inner + n), splat(c)), mul(load(gram + n), splat(b))));
        pack(packed, rows_of(x, large), small, large);
        multiply(other, large, rows_of(inner, small), packed, small, small, large, 0, left_space);
        for (size n = 0; n < small * large; n += 4)
            store(other + n, add(load(other + n), mul(load(x + n), splat(a))));
        float *swapped = x;
        x = other;
        other = swapped;
    }
    return x;
}

// `rows` is 4H: a matrix (4H, K). `space` holds muon_space(H, K) floats.
static __attribute__((noinline)) void muon(Parameters p, size rows, size columns, float rate, float weight_decay,
                                           u32 number, float *space) {
    size cells = rows / 4, parts = parts_of(cells), height = cells / parts, area = height * columns;
    size small = height < columns ? height : columns, large = height < columns ? columns : height;
    float *x = space, *other = x + area, *rest = other + area;
    vec kept = splat(1 - rate * weight_decay);
    for (size n = 0; n < p.count; n += 4) {
        vec mean = load(p.mean + n);
        store(p.mean + n, flushed(add(mean, mul(sub(load(p.gradient + n), mean), splat(1 - MOMENTUM)))));
        store(p.weights + n, mul(load(p.weights + n), kept));
    }
    float longer = (float)height / (float)columns;
    float scale = -rate * TURNS * (longer > 1 ? __builtin_sqrtf(longer) : 1.0f);
    for (size block = number % TURNS; block < 4 * parts; block += TURNS) {
        const float *gradient = p.gradient + block * area, *mean = p.mean + block * area;
        float *weights = p.weights + block * area;
        int upright = height > columns;  // then the transposed block is orthogonalized
        for (size row = 0; row < height; row++)
            for (size column = 0; column < columns; column++) {
                size n = row * columns + column;
                x[upright ? column * height + row : n] = gradient[n] + (mean[n] - gradient[n]) * MOMENTUM;
            }
        const float *update = orthogonalize(x, other, small, large, rest);
        for (size row = 0; row < height; row++)
            for (size column = 0; column < columns; column++)
                weights[row * columns + column] += scale * update[upright ? column * height + row : row * columns + column];
    }
}
