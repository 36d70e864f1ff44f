// The learner: a character LSTM of one or two layers, its gradients on a window of text, and one optimizer step.
//
// JavaScript creates one, writes character ids into its memory, and calls `gradients` and `update` in turns. Several
// workers share a batch: each computes the gradients of its rows, adds those of the others, and updates in the same way.
//
// Shapes: V vocabulary, E embedding, H cells, B rows, T steps. A window is stored step by step, (T, B, ...).
#include "lstm.h"
#include "optimizers.h"
#include "random.h"
#include "vector.h"

#define MAX_LAYERS 2
#define CHUNK 256  // characters whose logits are in memory at once
#define EXPORT(name) __attribute__((export_name(name)))

enum { MASK_BETWEEN = 1, MASK_OUT, MASK_WEIGHTS, RESETS };

typedef struct {
    u32 vocab, embedding, cells, layers, rows, steps;
    u32 all_rows, first_row;  // of the whole batch, and which of them are read here
    u32 count;                // floats of all parameters, each padded to a multiple of 4
    u32 offsets[3 + 4 * MAX_LAYERS];  // of embedding, output weights and bias, then four of each layer
    float *weights, *gradient, *average, *mean, *squares;  // (count,)
    u32 *ids;                 // (T + 1, B): the characters of a window, and those after it
    float *state, *held_out_state;  // (L, 2, B, H): h and c before the next window
} Learner;

static Learner learner;
static Layer layers[MAX_LAYERS];
static float *table, *embedded, *inputs[MAX_LAYERS], *outputs, *logits, *packed, *masked, *masks[2], *space, *left_space;
static u32 *slots, *used, used_count;

#define PAGE 65536
#define ALIGNMENT 64

// Returns a block of zeros on a 64-byte boundary, which is never given back; 0 if the browser has no more memory.
__attribute__((noinline)) static void *take(size bytes) {
    extern u8 __heap_base;
    static size next;
    if (!next) next = (size)&__heap_base;
    size start = (next + ALIGNMENT - 1) & ~(size)(ALIGNMENT - 1);
    size end = start + bytes, present = __builtin_wasm_memory_size(0) * (size)PAGE;
    if (end < start) return 0;
    if (end > present && __builtin_wasm_memory_grow(0, (end - present + PAGE - 1) / PAGE) == (size)-1) return 0;
    next = end;
    return (void *)start;  // fresh pages are zeros
}

static float *take_floats(size count) { return (float *)take(count * sizeof(float)); }

static u32 padded(size count) { return (u32)((count + 3) & ~(size)3); }

static float *parameter(float *all, int index) { return all + learner.offsets[index]; }
#define EMBEDDING 0
#define OUTPUT 1
#define OUTPUT_BIAS 2
#define INPUT_WEIGHTS(layer) (3 + 4 * (layer))
#define RECURRENT(layer) (4 + 4 * (layer))
#define INPUT_BIAS(layer) (5 + 4 * (layer))
#define RECURRENT_BIAS(layer) (6 + 4 * (layer))

static size input_size(u32 layer) { return layer ? learner.cells : learner.embedding; }

static void lay_out_parameters(void) {
    size H = learner.cells, at = 0;
    size sizes[3] = {(size)learner.vocab * learner.embedding, learner.vocab * H, learner.vocab};
    for (int n = 0; n < 3; n++) learner.offsets[n] = (u32)at, at += padded(sizes[n]);
    for (u32 l = 0; l < learner.layers; l++) {
        size each[4] = {4 * H * input_size(l), 4 * H * H, 4 * H, 4 * H};
        for (int n = 0; n < 4; n++) learner.offsets[INPUT_WEIGHTS(l) + n] = (u32)at, at += padded(each[n]);
    }
    learner.count = (u32)at;
}

static size larger(size a, size b) { return a > b ? a : b; }

// Takes all memory of a learner. Returns its description, whose fields are those of `Learner`; 0 without enough memory.
EXPORT("create")
Learner *create(u32 vocab, u32 embedding, u32 cells, u32 layer_count, u32 rows, u32 steps, u32 all_rows, u32 first_row) {
    learner = (Learner){.vocab = vocab, .embedding = embedding, .cells = cells, .layers = layer_count, .rows = rows,
                        .steps = steps, .all_rows = all_rows, .first_row = first_row};
    lay_out_parameters();
    size H = cells, wide = 4 * H, window = (size)rows * steps, seen = window < vocab ? window : vocab;
    float **five[] = {&learner.weights, &learner.gradient, &learner.average, &learner.mean, &learner.squares};
    for (int n = 0; n < 5; n++) *five[n] = take_floats(learner.count);
    learner.ids = take((steps + 1) * rows * sizeof(u32));
    learner.state = take_floats(layer_count * 2 * rows * H);
    learner.held_out_state = take_floats(layer_count * 2 * rows * H);
    slots = take(vocab * sizeof(u32));
    used = take(seen * sizeof(u32));
    table = take_floats(seen * wide);
    embedded = take_floats(seen * embedding);
    outputs = take_floats(window * H);
    logits = take_floats(CHUNK * padded(vocab));
    masked = take_floats(wide * H);
    left_space = take_floats(LEFT_SPACE);
    size right = larger(packed_size(window, larger(H, embedding)), packed_size(wide, larger(H, embedding)));
    right = larger(right, larger(packed_size(H, vocab), packed_size(vocab, H)));
    packed = take_floats(larger(right, packed_size(larger(H, embedding), wide)));
    space = take_floats(larger(muon_space(H, H), muon_space(H, embedding)));
    int complete = learner.squares && packed && space;
    for (u32 l = 0; l < layer_count; l++) {
        Layer *layer = layers + l;
        *layer = (Layer){.steps = steps, .rows = rows, .cells = cells};
        layer->gates = take_floats(window * wide);
        layer->h = take_floats((steps + 1) * rows * H);
        layer->c = take_floats((steps + 1) * rows * H);
        layer->tanh_c = take_floats(window * H);
        layer->h_gradient = take_floats(window * H);
        layer->dh = take_floats(rows * H);
        layer->dc = take_floats(rows * H);
        layer->packed = take_floats(larger(packed_size(H, wide), packed_size(wide, H)));
        layer->left_space = left_space;
        inputs[l] = l ? take_floats(window * H) : 0;
        masks[l] = take_floats(rows * H);
        complete = complete && layer->gates && layer->packed && masks[l];
    }
    return complete ? &learner : 0;
}

// The characters of the window, without repetition: only their rows of the embedding are needed.
static void find_used(void) {
    used_count = 0;
    memset(slots, 255, learner.vocab * sizeof(u32));
    for (size n = 0; n < (size)learner.rows * learner.steps; n++) {
        u32 id = learner.ids[n];
        if (slots[id] == 0xffffffffu) slots[id] = used_count, used[used_count++] = id;
    }
}

static void add_rows(float *target, const float *source, size count) {
    size n = 0;
    for (; n + 4 <= count; n += 4) store(target + n, add(load(target + n), load(source + n)));
    for (; n < count; n++) target[n] += source[n];
}

// Adds both biases to each of `rows` rows.
static void add_biases(float *rows_of_gates, const float *weights, u32 layer, size rows) {
    size wide = 4 * learner.cells;
    for (size row = 0; row < rows; row++) {
        add_rows(rows_of_gates + row * wide, parameter((float *)weights, INPUT_BIAS(layer)), wide);
        add_rows(rows_of_gates + row * wide, parameter((float *)weights, RECURRENT_BIAS(layer)), wide);
    }
}

// The sums of the first layer's gates from its input: a row of a table for each character of the window.
static void read_characters(const float *weights) {
    size E = learner.embedding, wide = 4 * learner.cells, window = (size)learner.rows * learner.steps;
    find_used();
    for (u32 n = 0; n < used_count; n++)
        memcpy(embedded + n * E, parameter((float *)weights, EMBEDDING) + used[n] * E, E * sizeof(float));
    pack(packed, transposed(parameter((float *)weights, INPUT_WEIGHTS(0)), E), E, wide);
    multiply(table, wide, rows_of(embedded, E), packed, used_count, E, wide, 0, left_space);
    add_biases(table, weights, 0, used_count);
    for (size n = 0; n < window; n++)
        memcpy(layers[0].gates + n * wide, table + slots[learner.ids[n]] * wide, wide * sizeof(float));
}

// A locked mask (B, H): a cell of a row is dropped for the whole window.
static void draw_mask(float *mask, u32 key, float rate) {
    for (u32 row = 0; row < learner.rows; row++)
        for (u32 n = 0; n < learner.cells; n++) {
            u32 index = (learner.first_row + row) * learner.cells + n;
            mask[row * learner.cells + n] = happens(key, index, rate) ? 0.0f : 1 / (1 - rate);
        }
}

static void apply_mask(float *target, const float *source, const float *mask) {
    size state = (size)learner.rows * learner.cells;
    for (size t = 0; t < learner.steps; t++)
        for (size n = 0; n < state; n += 4)
            store(target + t * state + n, mul(load(source + t * state + n), load(mask + n)));
}

// Recurrent weights with this step's weight dropout; the weights themselves without it.
static const float *recurrent(const float *weights, u32 layer, u32 key, float rate) {
    float *all = parameter((float *)weights, RECURRENT(layer));
    if (rate == 0) return all;
    size count = 4 * (size)learner.cells * learner.cells;
    for (size n = 0; n < count; n++)
        masked[n] = happens(key + layer, (u32)n, rate) ? 0.0f : all[n] / (1 - rate);
    return masked;
}

// Runs all layers over the window, from `state`, which becomes that after the window. Rates of 0 drop nothing.
static void forward(const float *weights, float *state, u32 seed, u32 step, float between, float out, float dropped) {
    size H = learner.cells, all = (size)learner.rows * H, window = (size)learner.rows * learner.steps;
    read_characters(weights);
    for (u32 l = 0; l < learner.layers; l++) {
        Layer *layer = layers + l;
        memcpy(layer->h, state + 2 * l * all, all * sizeof(float));
        memcpy(layer->c, state + (2 * l + 1) * all, all * sizeof(float));
        if (l) {
            pack(packed, transposed(parameter((float *)weights, INPUT_WEIGHTS(l)), H), H, 4 * H);
            multiply(layer->gates, 4 * H, rows_of(inputs[l], H), packed, window, H, 4 * H, 0, left_space);
            add_biases(layer->gates, weights, l, window);
        }
        layer_forward(layer, recurrent(weights, l, stream_key(seed, step, MASK_WEIGHTS), dropped));
        int last = l + 1 == learner.layers;
        float rate = last ? out : between, *to = last ? outputs : inputs[l + 1];
        if (rate > 0) {
            draw_mask(masks[l], stream_key(seed, step, last ? MASK_OUT : MASK_BETWEEN), rate);
            apply_mask(to, layer->h + all, masks[l]);
        } else
            memcpy(to, layer->h + all, window * H * sizeof(float));
        memcpy(state + 2 * l * all, layer->h + learner.steps * all, all * sizeof(float));
        memcpy(state + (2 * l + 1) * all, layer->c + learner.steps * all, all * sizeof(float));
    }
}

static double natural_log(double x) {
    // x = m 2^e with m in [0.7, 1.4]; ln m = 2 artanh((m - 1) / (m + 1)), whose series converges fast there.
    union { double value; u64 bits; } number = {x};
    int exponent = (int)(number.bits >> 52) - 1023;
    number.bits = (number.bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
    double m = number.value;
    if (m > 1.4142135623730951) m /= 2, exponent++;
    double z = (m - 1) / (m + 1), y = z * z, sum = 0;
    for (int n = 15; n > 0; n -= 2) sum = sum * y + 2.0 / n;
    return sum * z + exponent * 0.6931471805599453;
}

// Turns the logits (V,) of one character into the gradient of its cross-entropy, times `scale`; returns the loss.
static double cross_entropy(float *row, u32 target, float scale) {
    size V = learner.vocab, end = padded(V);
    float highest = row[0], wanted = row[target];
    for (size n = 1; n < V; n++) highest = row[n] > highest ? row[n] : highest;
    vec sum = splat(0.0f);
    for (size n = V; n < end; n++) row[n] = -1e30f;
    for (size n = 0; n < end; n += 4) {
        vec each = exponential(sub(load(row + n), splat(highest)));
        if (n + 4 > V)
            for (size m = V - n; m < 4; m++) each = wasm_v128_and(each, wasm_i32x4_lt(wasm_i32x4_make(0, 1, 2, 3), wasm_i32x4_splat((int)(V - n))));
        store(row + n, each);
        sum = add(sum, each);
    }
    float total = sum_of(sum);
    vec factor = splat(scale / total);
    for (size n = 0; n < end; n += 4) store(row + n, mul(load(row + n), factor));
    row[target] -= scale;
    return natural_log(total) + highest - wanted;
}

// The loss of the window, summed over its characters. With a gradient: adds those of the output layer, and writes that
// of the last layer's outputs into `outputs`.
static double read_outputs(const float *weights, float *gradient, float scale) {
    size H = learner.cells, V = learner.vocab, width = padded(V), window = (size)learner.rows * learner.steps;
    double loss = 0;
    for (size first = 0; first < window; first += CHUNK) {
        size count = window - first < CHUNK ? window - first : CHUNK;
        float *rows = outputs + first * H;
        pack(packed, transposed(parameter((float *)weights, OUTPUT), H), H, V);
        multiply(logits, width, rows_of(rows, H), packed, count, H, V, 0, left_space);
        for (size n = 0; n < count; n++) {
            for (size v = 0; v < V; v++) logits[n * width + v] += parameter((float *)weights, OUTPUT_BIAS)[v];
            loss += cross_entropy(logits + n * width, learner.ids[first + n + learner.rows], scale);
            if (gradient)
                for (size v = 0; v < V; v++) parameter(gradient, OUTPUT_BIAS)[v] += logits[n * width + v];
        }
        if (!gradient) continue;
        pack(packed, rows_of(rows, H), count, H);
        multiply(parameter(gradient, OUTPUT), H, transposed(logits, width), packed, V, count, H, 1, left_space);
        pack(packed, rows_of(parameter((float *)weights, OUTPUT), H), V, H);
        multiply(rows, H, rows_of(logits, width), packed, count, V, H, 0, left_space);
    }
    return loss;
}

// Gradients of the first layer's input weights and of the embedding, by the characters of the window.
static void backward_to_characters(void) {
    size E = learner.embedding, wide = 4 * learner.cells, window = (size)learner.rows * learner.steps;
    memset(table, 0, used_count * wide * sizeof(float));
    for (size n = 0; n < window; n++) add_rows(table + slots[learner.ids[n]] * wide, layers[0].gates + n * wide, wide);
    pack(packed, rows_of(embedded, E), used_count, E);
    multiply(parameter(learner.gradient, INPUT_WEIGHTS(0)), E, transposed(table, wide), packed, wide, used_count, E, 1,
             left_space);
    pack(packed, rows_of(parameter(learner.weights, INPUT_WEIGHTS(0)), E), wide, E);
    multiply(embedded, E, rows_of(table, wide), packed, used_count, wide, E, 0, left_space);
    for (u32 n = 0; n < used_count; n++) add_rows(parameter(learner.gradient, EMBEDDING) + used[n] * E, embedded + n * E, E);
}

static void backward(u32 seed, u32 step, float between, float out, float dropped) {
    size H = learner.cells, wide = 4 * H, window = (size)learner.rows * learner.steps;
    for (u32 l = learner.layers; l-- > 0;) {
        Layer *layer = layers + l;
        int last = l + 1 == learner.layers;
        const float *from = last ? outputs : inputs[l + 1];
        if ((last ? out : between) > 0)
            apply_mask(layer->h_gradient, from, masks[l]);
        else
            memcpy(layer->h_gradient, from, window * H * sizeof(float));
        const float *used_weights = recurrent(learner.weights, l, stream_key(seed, step, MASK_WEIGHTS), dropped);
        float *weights_gradient = parameter(learner.gradient, RECURRENT(l));
        layer_backward(layer, used_weights, weights_gradient, packed);
        if (dropped > 0)
            for (size n = 0; n < wide * H; n++)
                weights_gradient[n] = happens(stream_key(seed, step, MASK_WEIGHTS) + l, (u32)n, dropped) ? 0.0f : weights_gradient[n] / (1 - dropped);
        float *bias = parameter(learner.gradient, INPUT_BIAS(l));
        for (size n = 0; n < window; n++) add_rows(bias, layer->gates + n * wide, wide);
        memcpy(parameter(learner.gradient, RECURRENT_BIAS(l)), bias, wide * sizeof(float));
        if (!l) continue;
        pack(packed, rows_of(inputs[l], H), window, H);
        multiply(parameter(learner.gradient, INPUT_WEIGHTS(l)), H, transposed(layer->gates, wide), packed, wide, window, H, 1,
                 left_space);
        pack(packed, rows_of(parameter(learner.weights, INPUT_WEIGHTS(l)), H), wide, H);
        multiply(inputs[l], H, rows_of(layer->gates, wide), packed, window, wide, H, 0, left_space);
    }
    backward_to_characters();
}

// Fills the gradient with that of this window's mean loss over all rows of the batch. Returns the sum of the losses of
// the characters that are read here, in nats. Some rows begin with a state of zeros, by the probability `reset`.
EXPORT("gradients")
double gradients(u32 seed, u32 step, float reset, float between, float out, float dropped) {
    size H = learner.cells, all = (size)learner.rows * H;
    u32 key = stream_key(seed, step, RESETS);
    for (u32 row = 0; row < learner.rows; row++)
        if (reset > 0 && happens(key, learner.first_row + row, reset))
            for (u32 n = 0; n < 2 * learner.layers; n++) memset(learner.state + n * all + row * H, 0, H * sizeof(float));
    memset(learner.gradient, 0, learner.count * sizeof(float));
    forward(learner.weights, learner.state, seed, step, between, out, dropped);
    double loss = read_outputs(learner.weights, learner.gradient, 1.0f / ((float)learner.all_rows * (float)learner.steps));
    backward(seed, step, between, out, dropped);
    return loss;
}

// Clips the gradient, updates the weights, and moves the average. `number` counts updates from 1. Returns the norm of
// the gradient; nothing is updated if it is not finite.
EXPORT("update")
double update(u32 number, float muon_rate, float rate, float weight_decay, float decay, float largest_norm) {
    double norm = clip(learner.gradient, learner.count, largest_norm);
    if (!(norm < LARGEST_NORM)) return norm;
    for (int index = 0; index < 3 + 4 * (int)learner.layers; index++) {
        size at = learner.offsets[index], H = learner.cells;
        size end = index + 1 < 3 + 4 * (int)learner.layers ? learner.offsets[index + 1] : learner.count;
        Parameters each = {learner.weights + at, learner.gradient + at, learner.mean + at, learner.squares + at, end - at, 1};
        int kind = index < 3 ? -1 : (index - 3) % 4;
        if ((kind == 0 || kind == 1) && muon_rate > 0) {
            muon(each, 4 * H, kind ? H : input_size((index - 3) / 4), muon_rate, weight_decay, number, space);
            continue;
        }
        each.decays = kind != 2 && kind != 3 && index != OUTPUT_BIAS;
        adamw(each, rate, weight_decay, number);
    }
    // A smaller decay at first, or the random initial weights would stay in the average for long.
    float early = number == 1 ? 0 : (float)number / (float)(number + 9);
    move_average(learner.average, learner.weights, learner.count, 1 - (early < decay ? early : decay));
    return norm;
}

// The sum of the losses of the window's characters under the averaged weights, with a state of its own.
EXPORT("held_out_loss")
double held_out_loss(void) {
    forward(learner.average, learner.held_out_state, 0, 0, 0, 0, 0);
    return read_outputs(learner.average, 0, 1);
}
