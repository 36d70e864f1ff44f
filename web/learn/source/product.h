// Matrix products of float32, after the scheme of Goto and van de Geijn (2008): packed panels, a small kernel.
#pragma once
#include "memory.h"

// A matrix in memory: element (row, column) is at data[row * by_row + column * by_column].
typedef struct {
    const float *data;
    size by_row, by_column;
} Matrix;

static inline Matrix rows_of(const float *data, size width) { return (Matrix){data, width, 1}; }
static inline Matrix transposed(const float *data, size width) { return (Matrix){data, 1, width}; }

// The number of floats that a packed right factor of `inner` rows and `columns` columns takes.
size packed_size(size inner, size columns);

// Writes the right factor of a product in the order in which the kernel reads it.
void pack(float *packed, Matrix right, size inner, size columns);

// result (rows, columns) = left (rows, inner) times the packed right factor; added to the result if `adds` is not 0.
// `left_space` holds LEFT_SPACE floats.
void multiply(float *result, size result_width, Matrix left, const float *packed, size rows, size inner, size columns,
              int adds, float *left_space);

#define LEFT_SPACE (128 * 256)
