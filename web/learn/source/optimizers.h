// Muon for the LSTM's matrices and AdamW for everything else, as training/learner/optimizers.py has them.
#pragma once
#include "product.h"

#define LARGEST_NORM 1e30  // of a gradient; a larger one, or one that is no number, is a fault

typedef struct {
    float *weights, *gradient, *mean, *squares;  // (count,) each; Muon has no squares
    size count;
    int decays;  // whether weight decay applies: to matrices, not to biases
} Parameters;

void adamw(Parameters parameters, float rate, float weight_decay, u32 number);

// `rows` is 4H: a matrix (4H, K). `space` holds muon_space(H, K) floats.
void muon(Parameters parameters, size rows, size columns, float rate, float weight_decay, u32 number, float *space);
size muon_space(size cells, size columns);

// Scales the gradient down so that its norm is at most `largest`, and returns the norm before. A gradient that is not
// finite stays as it is.
double clip(float *gradient, size count, float largest);

// Moves the average towards the weights by `share` of the difference.
void move_average(float *average, const float *weights, size count, float share);
