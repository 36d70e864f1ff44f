// Matrix products of float32, after the scheme of Goto and van de Geijn (2008): packed panels, a small kernel.
#pragma once
#include "memory.h"
#include "vector.h"

// A matrix in memory: element (row, column) is at data[row * by_row + column * by_column].
typedef struct {
    const float *data;
    size by_row, by_column;
} Matrix;

static inline Matrix rows_of(const float *data, size width) { return (Matrix){data, width, 1}; }
static inline Matrix transposed(const float *data, size width) { return (Matrix){data, 1, width}; }

// A tile of 4 x 8 results takes 8 of the 16 vector registers of x86-64; larger tiles were spilled and slower.
#define TILE_ROWS 4
#define TILE_COLUMNS 8
#define DEPTH 256     // of the inner dimension at a time: a panel of the right factor then fits the L1 cache (8 kB)
#define BLOCK_ROWS 128  // of the left factor at a time, packed: 128 kB
#define LEFT_SPACE (BLOCK_ROWS * DEPTH)

static size least(size a, size b) { return a < b ? a : b; }

// The number of floats that a packed right factor of `inner` rows and `columns` columns takes.
static size packed_size(size inner, size columns) {
    return inner * ((columns + TILE_COLUMNS - 1) / TILE_COLUMNS * TILE_COLUMNS);
}

// Writes the right factor of a product in the order in which the kernel reads it.
static __attribute__((noinline)) void pack(float *packed, Matrix right, size inner, size columns) {
    for (size first = 0; first < inner; first += DEPTH) {
        size depth = least(DEPTH, inner - first);
        for (size column = 0; column < columns; column += TILE_COLUMNS) {
            size width = least(TILE_COLUMNS, columns - column);
            const float *from = right.data + first * right.by_row + column * right.by_column;
            for (size k = 0; k < depth; k++, from += right.by_row, packed += TILE_COLUMNS) {
                if (width == TILE_COLUMNS && right.by_column == 1) {
                    store(packed, load(from));
                    store(packed + 4, load(from + 4));
                    continue;
                }
                for (size n = 0; n < TILE_COLUMNS; n++) packed[n] = n < width ? from[n * right.by_column] : 0.0f;
            }
        }
    }
}

static void pack_left(float *packed, Matrix left, size rows, size depth) {
    for (size row = 0; row < rows; row += TILE_ROWS) {
        size height = least(TILE_ROWS, rows - row);
        const float *from = left.data + row * left.by_row;
        for (size k = 0; k < depth; k++, from += left.by_column, packed += TILE_ROWS) {
            if (height == TILE_ROWS && left.by_row == 1) {
                store(packed, load(from));
                continue;
            }
            for (size m = 0; m < TILE_ROWS; m++) packed[m] = m < height ? from[m * left.by_row] : 0.0f;
        }
    }
}

// One tile of the result: sums over `depth` products, in 8 registers.
static void tile(float *result, size width, const float *left, const float *right, size depth, int adds) {
    vec sum[TILE_ROWS][2];
    for (int m = 0; m < TILE_ROWS; m++) {
        sum[m][0] = adds ? load(result + m * width) : splat(0.0f);
        sum[m][1] = adds ? load(result + m * width + 4) : splat(0.0f);
    }
// Unrolled by 4, this loop was a third slower: its values no longer fit the registers.
#pragma clang loop unroll(disable)
    for (size k = 0; k < depth; k++, left += TILE_ROWS, right += TILE_COLUMNS) {
        vec first = load(right), second = load(right + 4);
        for (int m = 0; m < TILE_ROWS; m++) {
            vec factor = wasm_v128_load32_splat(left + m);
            sum[m][0] = fused(factor, first, sum[m][0]);
            sum[m][1] = fused(factor, second, sum[m][1]);
        }
    }
    for (int m = 0; m < TILE_ROWS; m++) {
        store(result + m * width, sum[m][0]);
        store(result + m * width + 4, sum[m][1]);
    }
}

// A tile at the edge of the result, of which only `rows` x `columns` results exist.
static void edge_tile(float *result, size width, const float *left, const float *right, size depth, int adds,
                      size rows, size columns) {
    float whole[TILE_ROWS * TILE_COLUMNS] __attribute__((aligned(16)));
    tile(whole, TILE_COLUMNS, left, right, depth, 0);
    for (size m = 0; m < rows; m++)
        for (size n = 0; n < columns; n++) {
            float *at = result + m * width + n;
            *at = (adds ? *at : 0.0f) + whole[m * TILE_COLUMNS + n];
        }
}

// result (rows, columns) = left (rows, inner) times the packed right factor; added to the result if `adds` is not 0.
// `left_space` holds LEFT_SPACE floats.
static __attribute__((noinline)) void multiply(float *result, size result_width, Matrix left, const float *packed,
                                               size rows, size inner, size columns, int adds, float *left_space) {
    size padded = packed_size(1, columns);
    for (size first = 0; first < inner; first += DEPTH) {
        size depth = least(DEPTH, inner - first);
        const float *right = packed + first * padded;
        int accumulates = adds || first;
        for (size block = 0; block < rows; block += BLOCK_ROWS) {
            size height = least(BLOCK_ROWS, rows - block);
            Matrix part = left;
            part.data += block * left.by_row + first * left.by_column;
            pack_left(left_space, part, height, depth);
            for (size column = 0; column < columns; column += TILE_COLUMNS)
                for (size row = 0; row < height; row += TILE_ROWS) {
                    float *at = result + (block + row) * result_width + column;
                    const float *a = left_space + row * depth, *b = right + column * depth;
                    size m = least(TILE_ROWS, height - row), n = least(TILE_COLUMNS, columns - column);
                    if (m == TILE_ROWS && n == TILE_COLUMNS)
                        tile(at, result_width, a, b, depth, accumulates);
                    else
                        edge_tile(at, result_width, a, b, depth, accumulates, m, n);
                }
        }
    }
}
