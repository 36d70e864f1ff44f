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

// Fills h and c. `weights` (4H, H) are the recurrent ones.
void layer_forward(Layer *layer, const float *weights);

// Turns h_gradient into the gradients of the gates' sums, and adds those of the recurrent weights.
void layer_backward(Layer *layer, const float *weights, float *weights_gradient, float *gradient_space);
