// One layer of nn.LSTM over a window: forward, and truncated backpropagation through time.
//
// Shapes: T steps, B rows, H cells. Gates are i, f, g, o, as in PyTorch; a window is stored step by step, (T, B, ...).
#pragma once
#include "product.h"

typedef struct {
    size steps, rows, cells;
    float *gates;         // (T, B, 4H): the sums from the input on entry; then the gates; then their gradients
    float *h, *c;         // (T + 1, B, H): the state before the first step, and after each
    float *tanh_c;        // (T, B, H)
    float *h_gradient;    // (T, B, H): of the outputs
    float *dh, *dc;       // (B, H): gradients that flow to the step before
    float *packed;        // the recurrent weights, packed for one direction at a time
    float *left_space;
} Layer;

static void cells_forward(float *gates, const float *c_before, float *c, float *tanh_c, float *h, size rows, size cells) {
    for (size row = 0; row < rows; row++, gates += 4 * cells, c_before += cells, c += cells, tanh_c += cells, h += cells)
        for (size n = 0; n < cells; n += 4) {
            vec i = sigmoid(load(gates + n)), f = sigmoid(load(gates + cells + n));
            vec g = hyperbolic_tangent(load(gates + 2 * cells + n)), o = sigmoid(load(gates + 3 * cells + n));
            vec now = add(mul(f, load(c_before + n)), mul(i, g)), bounded = hyperbolic_tangent(now);
            store(gates + n, i);
            store(gates + cells + n, f);
            store(gates + 2 * cells + n, g);
            store(gates + 3 * cells + n, o);
            store(c + n, now);
            store(tanh_c + n, bounded);
            store(h + n, mul(o, bounded));
        }
}

// Fills h and c. `weights` (4H, H) are the recurrent ones.
static __attribute__((noinline)) void layer_forward(Layer *layer, const float *weights) {
    size rows = layer->rows, cells = layer->cells, wide = 4 * cells, state = rows * cells;
    pack(layer->packed, transposed(weights, cells), cells, wide);
    for (size t = 0; t < layer->steps; t++) {
        float *gates = layer->gates + t * rows * wide, *h = layer->h + t * state, *c = layer->c + t * state;
        multiply(gates, wide, rows_of(h, cells), layer->packed, rows, cells, wide, 1, layer->left_space);
        cells_forward(gates, c, c + state, layer->tanh_c + t * state, h + state, rows, cells);
    }
}

static vec slope(vec gate) { return mul(gate, sub(splat(1.0f), gate)); }  // of the sigmoid, by its value

static void cells_backward(float *gates, const float *c_before, const float *tanh_c, const float *h_gradient, float *dh,
                           float *dc, size rows, size cells) {
    vec one = splat(1.0f);
    for (size row = 0; row < rows; row++, gates += 4 * cells) {
        for (size n = 0; n < cells; n += 4, c_before += 4, tanh_c += 4, h_gradient += 4, dh += 4, dc += 4) {
            vec i = load(gates + n), f = load(gates + cells + n);
            vec g = load(gates + 2 * cells + n), o = load(gates + 3 * cells + n), bounded = load(tanh_c);
            vec out = add(load(h_gradient), load(dh));
            vec cell = add(load(dc), mul(mul(out, o), sub(one, mul(bounded, bounded))));
            store(gates + n, mul(mul(cell, g), slope(i)));
            store(gates + cells + n, mul(mul(cell, load(c_before)), slope(f)));
            store(gates + 2 * cells + n, mul(mul(cell, i), sub(one, mul(g, g))));
            store(gates + 3 * cells + n, mul(mul(out, bounded), slope(o)));
            store(dc, mul(cell, f));
        }
    }
}

// Turns h_gradient into the gradients of the gates' sums, and adds those of the recurrent weights.
static __attribute__((noinline)) void layer_backward(Layer *layer, const float *weights, float *weights_gradient,
                                                     float *gradient_space) {
    size rows = layer->rows, cells = layer->cells, wide = 4 * cells, state = rows * cells;
    pack(layer->packed, rows_of(weights, cells), wide, cells);
    memset(layer->dh, 0, state * sizeof(float));
    memset(layer->dc, 0, state * sizeof(float));
    for (size t = layer->steps; t-- > 0;) {
        float *gates = layer->gates + t * rows * wide;
        cells_backward(gates, layer->c + t * state, layer->tanh_c + t * state, layer->h_gradient + t * state, layer->dh,
                       layer->dc, rows, cells);
        if (t)
            multiply(layer->dh, cells, rows_of(gates, wide), layer->packed, rows, wide, cells, 0, layer->left_space);
    }
    // The gradient of the recurrent weights (4H, H), over all steps at once: h is (T B, H) before each step.
    size inner = layer->steps * rows;
    pack(gradient_space, rows_of(layer->h, cells), inner, cells);
    multiply(weights_gradient, cells, transposed(layer->gates, wide), gradient_space, wide, inner, cells, 1,
             layer->left_space);
}
