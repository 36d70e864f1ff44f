// Muon for the LSTM's matrices and AdamW for everything else, as training/learner/optimizers.py has them.
#pragma once
#include "product.h"

typedef struct {
    float *weights, *gradient, *mean, *squares;  // (count,) each; Muon has no squares
    size count;
    int decays;  // whether weight decay applies: to matrices, not to biases
} Parameters;

void adamw(Parameters parameters, float rate, float weight_decay, u32 number);

// `rows` is 4H: a matrix (4H, K). `space` holds muon_space(H, K) floats.
void muon(Parameters parameters, size rows, size columns, float rate, float weight_decay, u32 number, float *space);
size muon_space(size cells, size columns);

// The sum of the squares of the gradient.
double squared_norm(const float *values, size count);

// Moves the average towards the weights by `share` of the difference.
void move_average(float *average, const float *weights, size count, float share);
