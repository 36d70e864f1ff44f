"""The int8 LSTM step of `weights` and the draw of `sampling` as loops that numba compiles, for one or many characters.

The loops do the operations of these modules in the same order; tests compare every bit. They release the GIL while they
run, and numba caches the machine code, so only the first start compiles.

The plain loop over products of 8-bit integers runs on any processor. The other instructions read a matrix in panels: of
as many rows as `VECTORS` vectors have lanes, one group of columns after another, so that no sum crosses lanes and
memory is read in order.

Shapes: B rows, T characters of each, L layers, V vocabulary, H hidden, N and K rows and columns of a matrix, N' and K'
those of a packed one (`pack`). `kind` is the position of an instruction in `INSTRUCTIONS`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import event
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from ..settings import SamplingParams
from ..terminal import say
from .sampling import STEPS_PER_NAT, fixed_point

Array = npt.NDArray[Any]
VECTORS = 4  # of sums at once: an instruction takes 4 to 5 cycles, and one or two start in each cycle


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """A way to add products."""

    name: str  # its name in docs/int8-inference.md
    needs: tuple[str, ...] = ()  # the features that the processor must have, as LLVM names them
    intrinsic: str = ""  # LLVM's name of the instruction; "" for the plain loop
    lanes: int = 1  # sums in a vector
    group: int = 1  # products that each lane adds at once: 4 of uint8 and int8, or 2 of int16

    @property
    def unsigned(self) -> bool:
        """Whether it multiplies uint8 with int8: it reads x + 128 instead of x."""
        return self.group == 4

    @property
    def rows(self) -> int:
        """The number of rows of x that use a vector of q: processors without AVX-512 have half as many registers."""
        return 4 if self.lanes == 16 else 2

    @property
    def panel(self) -> int:
        """The number of rows of a panel."""
        return self.lanes * VECTORS if self.intrinsic else 1


# The slowest first. The position is the `kind` of the compiled loops.
INSTRUCTIONS = (
    Instruction(name="plain"),
    Instruction(name="avx2", needs=("avx2",), intrinsic="llvm.x86.avx2.pmadd.wd", lanes=8, group=2),
    Instruction(name="avx-vnni", needs=("avx2", "avxvnni"), intrinsic="llvm.x86.avx512.vpdpbusd.256", lanes=8, group=4),
    Instruction(
        name="avx512bw", needs=("avx512f", "avx512bw"), intrinsic="llvm.x86.avx512.pmaddw.d.512", lanes=16, group=2
    ),
    Instruction(
        name="avx512-vnni",
        needs=("avx512f", "avx512bw", "avx512vnni"),
        intrinsic="llvm.x86.avx512.vpdpbusd.512",
        lanes=16,
        group=4,
    ),
)

_RANGE = np.float32(8.0)
_STEPS = np.float32(256.0)
_H = np.float32(127.0)
_PANEL = np.array([each.panel for each in INSTRUCTIONS])
_GROUP = np.array([each.group for each in INSTRUCTIONS])
_ROWS = np.array([each.rows for each in INSTRUCTIONS])
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ALL = 2**31  # as top_k: more than any vocabulary has
_ID_BITS = 24  # of a sort key below the weight, which has 32
_MAX_ID = 2**_ID_BITS - 1
_INT8, _INT16, _INT32, _INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))


def supported(features: str) -> tuple[int, ...]:
    """Returns the kinds that a processor with these features has, the fastest last."""
    has = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    return tuple(kind for kind, each in enumerate(INSTRUCTIONS) if has.issuperset(each.needs))


@cache
def fastest_kind() -> int:
    """Returns the kind of the fastest instruction that this processor has."""
    return supported(features())[-1]


def padded_shape(kind: int, rows: int, columns: int) -> tuple[int, int]:
    """Returns the shape of a packed matrix: whole panels of whole groups."""
    panel, group = INSTRUCTIONS[kind].panel, INSTRUCTIONS[kind].group
    return -(-rows // panel) * panel, -(-columns // group) * group


def pack(kind: int, q: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32]]:
    """Returns a matrix (N, K) as an instruction reads it, flat, and the N' sums of each row before its first product.

    N' is N, rounded up to whole panels. x + 128 makes each sum 128 times the sum of the row too large; it begins with
    that number subtracted.
    """
    instruction = INSTRUCTIONS[kind]
    rows, columns = padded_shape(kind, *q.shape)
    padded = np.zeros((rows, columns), np.int8)
    padded[: q.shape[0], : q.shape[1]] = q
    groups = padded.view(f"i{instruction.group}").reshape(rows // instruction.panel, instruction.panel, -1)
    packed = torch.empty(rows * columns, dtype=torch.int8).numpy()  # torch aligns to cache lines, numpy does not
    packed.view(groups.dtype).reshape(groups.swapaxes(1, 2).shape)[:] = groups.swapaxes(1, 2)
    sums = padded.sum(axis=1, dtype=np.int32) if instruction.unsigned else np.zeros(rows, np.int32)
    return packed, -128 * sums


class _CompileNotice(event.Listener):
    """Says once in a terminal that the loops are compiled, which takes seconds, before the first of them is."""

    is_said = False

    def on_start(self, event: event.Event) -> None:
        """Is called before numba compiles a function, and not when it loads the machine code from its cache."""
        if not self.is_said and event.data["dispatcher"].py_func.__module__ == __name__ and sys.stderr.isatty():
            self.is_said = True
            say("Compiling the int8 kernels for this processor; the next start loads them ...")

    def on_end(self, event: event.Event) -> None:
        """Does nothing."""


event.register("numba:compile", _CompileNotice())  # type: ignore[no-untyped-call]


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compiles a function that releases the GIL while it runs. The machine code is cached on disk if possible."""
    # No fastmath: a fused multiply-add rounds once where the definition rounds twice.
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder that the machine code can be cached in: every process compiles it
        return njit(nogil=True)(function)


def features() -> str:
    """Returns the features of the processor for which numba compiles, as LLVM lists them."""
    return str(cpu_target.target_context.codegen().magic_tuple()[2])


def _type_panel(
    _typing: Any, case: Any, groups: Any, q: Any, start: Any, x: Any, x_step: Any, out: Any, out_step: Any
) -> Any:
    """Writes the sums of a panel for 1 to 4 rows of x. `case` is 8 · kind + rows; addresses and steps are in bytes."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        end = builder.append_basic_block("end")
        switch = builder.switch(arguments[0], end)
        # LLVM ends the process at an instruction that its target lacks, so code is generated for the others alone.
        for kind in supported(features()):
            for rows in range(1, INSTRUCTIONS[kind].rows + 1) if INSTRUCTIONS[kind].intrinsic else ():
                block = builder.append_basic_block("case")
                switch.add_case(8 * kind + rows, block)
                builder.position_at_end(block)
                _generate_panel(builder, INSTRUCTIONS[kind], rows, arguments[1:])
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(case, groups, q, start, x, x_step, out, out_step), generate


_add_panel: Any = intrinsic(_type_panel)  # called in compiled functions, without the first argument


def _generate_panel(builder: Any, used: Instruction, rows: int, addresses: tuple[Any, ...]) -> None:
    """Generates the loop over the groups of columns, with `VECTORS` vectors of sums for each row of x."""
    groups, q, start, x, x_step, out, out_step = addresses
    sums, halves = ir.VectorType(_INT32, used.lanes), ir.VectorType(_INT16, 2 * used.lanes)
    size, q_size = 4 * used.lanes, used.group * used.lanes  # bytes of a vector of sums and of its part of q
    signature = ir.FunctionType(sums, [sums] * 3 if used.unsigned else [halves] * 2)
    instruction = builder.module.globals.get(used.intrinsic) or ir.Function(builder.module, signature, used.intrinsic)

    def at(address: Any, offset: Any, type_: Any) -> Any:
        return builder.inttoptr(builder.add(address, offset), type_.as_pointer())

    def load(address: Any, offset: Any, type_: Any) -> Any:
        loaded = builder.load(at(address, offset, type_))
        loaded.align = 1
        return loaded

    def add(total: Any, inputs: Any, weights: Any) -> Any:
        if used.unsigned:
            return builder.call(instruction, [total, inputs, weights])
        weights, inputs = builder.sext(weights, halves), builder.bitcast(inputs, halves)
        return builder.add(total, builder.call(instruction, [weights, inputs]))

    before, loop, after = builder.block, builder.append_basic_block("group"), builder.append_basic_block("store")
    begin = [load(start, _INT64(size * v), sums) for v in range(VECTORS)]
    builder.branch(loop)
    builder.position_at_end(loop)
    group = builder.phi(_INT64)
    totals = [[builder.phi(sums) for _ in range(VECTORS)] for _ in range(rows)]
    part = sums if used.unsigned else ir.VectorType(_INT8, q_size)
    q_group, x_group = (builder.add(a, builder.mul(group, _INT64(n))) for a, n in ((q, q_size * VECTORS), (x, 4)))
    weights = [load(q_group, _INT64(q_size * v), part) for v in range(VECTORS)]
    same = ir.Constant(ir.VectorType(_INT32, used.lanes), [0] * used.lanes)
    for row in range(rows):
        value = load(x_group, builder.mul(x_step, _INT64(row)), _INT32)
        first = builder.insert_element(ir.Constant(sums, ir.Undefined), value, _INT32(0))
        inputs = builder.shuffle_vector(first, first, same)
        for v, total in enumerate(totals[row]):
            total.add_incoming(begin[v], before)
            total.add_incoming(add(total, inputs, weights[v]), loop)
    following = builder.add(group, _INT64(1))
    group.add_incoming(_INT64(0), before)
    group.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, groups), loop, after)
    builder.position_at_end(after)
    for row in range(rows):
        for v, total in enumerate(totals[row]):
            address = at(builder.add(out, builder.mul(out_step, _INT64(row))), _INT64(size * v), sums)
            builder.store(total.incomings[1][0], address).align = 1


@compiled
def product(kind: int, q: Array, start: Array, x: Array, out: Array) -> None:
    """Computes out (B, N') int32 = x (B, K') · qᵀ, exact.

    q (N' · K',) int8 and start (N',) int32 come from `pack`, x from `fill`.
    """
    rows, count = out.shape
    columns = len(q) // count
    if _PANEL[kind] == 1:
        for row in range(rows):
            for n in range(count):
                total = np.int32(0)
                for k in range(columns):
                    total += np.int32(q[n * columns + k]) * np.int32(x[row, k])
                out[row, n] = total
        return
    groups, x_step, out_step = columns // _GROUP[kind], x.strides[0], out.strides[0]
    for n in range(0, count, _PANEL[kind]):
        q_at, start_at = q.ctypes.data + n * columns, start.ctypes.data + 4 * n
        for row in range(0, rows, _ROWS[kind]):
            x_at, out_at = x.ctypes.data + row * x_step, out.ctypes.data + 4 * n + row * out_step
            _add_panel(8 * kind + min(_ROWS[kind], rows - row), groups, q_at, start_at, x_at, x_step, out_at, out_step)


@compiled
def fill(kind: int, h: Array, at: int, x: Array) -> None:
    """Writes h (B, K) int8 to x (B, …) int16 from column `at` on, as uint8 h + 128 for instructions that need that."""
    x8 = x.view(np.int8)
    for row in range(h.shape[0]):
        values = h[row]  # with one index instead of two, LLVM uses vectors
        if _GROUP[kind] == 4:
            bytes_ = x8[row, at : at + len(values)]
            for k in range(len(values)):
                bytes_[k] = values[k] ^ np.int8(-128)
        else:
            words = x[row, at : at + len(values)]
            for k in range(len(values)):
                words[k] = values[k]


def product_of(kind: int, x: npt.NDArray[np.int8], q: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Returns x (B, K) · qᵀ, (B, N), of a matrix q (N, K) that is not packed yet."""
    rows, columns = padded_shape(kind, *q.shape)
    packed, start = pack(kind, q)
    out, padded = np.empty((len(x), rows), np.int32), np.zeros((len(x), columns), np.int16)
    fill(kind, x, 0, padded)
    product(kind, packed, start, padded, out)
    return out[:, : len(q)]


def check_products() -> None:
    """Raises ArithmeticError unless products are exact here, for the largest and for random numbers."""
    generator = np.random.default_rng(0)
    q = generator.integers(-127, 128, (80, 70), dtype=np.int8)
    q[:40] = 127
    q[:20, ::2] = -127
    for rows in (1, 2, 7, 33):
        x = generator.integers(-127, 128, (rows, 70), dtype=np.int8)
        x[0] = 127
        x[-1, 1::2] = -127
        if not np.array_equal(product_of(fastest_kind(), x, q), x.astype(np.int32) @ q.T.astype(np.int32)):
            raise ArithmeticError("an int8 product is not exact on this machine")


@compiled
def _copy_slots(state: Array, slots: Array, copy: Array, out: bool) -> None:
    """Copies state (L, …, H) at `slots` out to copy (L, B, H), or back. Slices would take longer to compile."""
    for layer in range(copy.shape[0]):
        for row in range(copy.shape[1]):
            for j in range(copy.shape[2]):
                if out:
                    copy[layer, row, j] = state[layer, slots[row], j]
                else:
                    state[layer, slots[row], j] = copy[layer, row, j]


@compiled
def cells(
    layer: int,
    sums: Array,
    scale: Array,
    added: Array,
    which: Array,
    clamps: Array,
    tables: Array,
    before: Array,
    c: Array,
    h: Array,
) -> None:
    """Computes one layer's c and h from c before.

    sums (B, at least 4H) int32, scale (4H,), added (…, 4H) of which row which[b] is used, clamps (M, 4) float32: layer,
    row, cell and value of each, tables (2, 4097): sigmoid and tanh, before and c (B, H) float32, h (B, H) int8.
    """
    rows, hidden = c.shape
    sigmoid, tanh = tables[0], tables[1]
    entries = np.empty(4 * hidden, np.uint32)  # signed ones would be checked for being negative
    i, f, g, o = entries[:hidden], entries[hidden : 2 * hidden], entries[2 * hidden : 3 * hidden], entries[3 * hidden :]
    shown = np.empty(hidden, np.float32)
    # LLVM uses vectors in the loops that look up nothing.
    for row in range(rows):
        bias, sums_of_row, before_of_row, c_of_row, h_of_row = added[which[row]], sums[row], before[row], c[row], h[row]
        for j in range(4 * hidden):
            x = np.float32(sums_of_row[j]) * scale[j] + bias[j]
            x = min(max(x, -_RANGE), _RANGE)
            entries[j] = np.uint32(np.int32(np.rint((x + _RANGE) * _STEPS)))
        for j in range(hidden):
            kept = sigmoid[f[j]] * before_of_row[j]
            let_in = sigmoid[i[j]] * tanh[g[j]]
            c_of_row[j] = kept + let_in
        for m in range(len(clamps)):
            if clamps[m, 0] == layer and clamps[m, 1] == row:
                c_of_row[np.int64(clamps[m, 2])] = clamps[m, 3]
        for j in range(hidden):
            x = min(max(c_of_row[j], -_RANGE), _RANGE)
            i[j] = np.uint32(np.int32(np.rint((x + _RANGE) * _STEPS)))
        for j in range(hidden):
            shown[j] = sigmoid[o[j]] * tanh[i[j]]
        for j in range(hidden):
            h_of_row[j] = np.int8(np.int32(np.rint(shown[j] * _H)))


@compiled
def scaled(sums: Array, output: Array, out: Array) -> None:
    """Computes out (B, V) float32 = sums (B, at least V) int32 · output[0] + output[1], each operation rounded."""
    for row in range(out.shape[0]):
        for n in range(out.shape[1]):
            out[row, n] = np.float32(sums[row, n]) * output[0, n] + output[1, n]


def draw_params(params: list[SamplingParams]) -> npt.NDArray[np.float64]:
    """Returns temperature, top-k, top-p and min-p of B rows, (B, 4) float64; the last two in units of 2^-32."""
    return np.array(
        [(each.temperature, min(each.top_k, _ALL), fixed_point(each.top_p), fixed_point(each.min_p)) for each in params]
    )


@compiled
def draw(logits: Array, params: Array, numbers: Array, powers: Array, out: Array, bits: Array) -> None:
    """Writes the chosen ids to out (B,) int64, and their surprisals to bits (B,) float64, see `sampling.surprisal`.

    logits (B, V) float32, params (B, 4) from `draw_params`, numbers (B,) uint64, powers (4096,) int64.
    """
    rows, vocab = logits.shape
    steps = len(powers)
    weight = np.empty(vocab, dtype=np.int64)
    for row in range(rows):
        temperature, top_k = params[row, 0], np.int64(params[row, 1])
        top_p, min_p = np.uint64(params[row, 2]), np.int64(params[row, 3])
        best = 0
        for v in range(1, vocab):
            if logits[row, v] > logits[row, best]:
                best = v
        most = np.float64(logits[row, best])
        total = np.int64(0)  # of the weights at temperature 1; each is 2^31 times a probability ratio
        for v in range(vocab):
            e = np.int64(max(np.rint((np.float64(logits[row, v]) - most) * STEPS_PER_NAT), -64.0 * steps))
            total += powers[e & (steps - 1)] >> min(-(e >> 12), 63)
        bits[row] = np.log2(np.float64(total)) - 31.0
        if temperature == 0.0:
            out[row] = best
            continue
        for v in range(vocab):
            exponent = np.rint((np.float64(logits[row, v]) - most) / temperature * STEPS_PER_NAT)
            e = np.int64(max(exponent, -64.0 * steps))
            weight[v] = powers[e & (steps - 1)] >> min(-(e >> 12), 63)
        if 0 < top_k < vocab or top_p < np.uint64(1) << _HALF:
            _restrict(weight, top_k, top_p)
        total = np.int64(0)
        for v in range(vocab):
            if 2 * weight[v] < min_p:
                weight[v] = 0
            total += weight[v]
        target = np.int64(_high(np.uint64(total), numbers[row]))
        running = np.int64(0)
        for v in range(vocab):
            running += weight[v]
            if running > target:
                out[row] = v
                bits[row] -= (np.float64(logits[row, v]) - most) * STEPS_PER_NAT / steps
                break


@compiled
def _restrict(weight: Array, top_k: Any, top_p: Any) -> None:
    """Sets to zero the weights that top-k and then top-p remove; of equal weights the higher id is removed first."""
    keys = np.empty(len(weight), np.int64)
    for v in range(len(weight)):
        keys[v] = (weight[v] << _ID_BITS) + _MAX_ID - v
    keys.sort()
    largest_first = keys[::-1]
    count = top_k if 0 < top_k < len(weight) else len(weight)
    total = np.int64(0)
    for key in largest_first[:count]:
        total += key >> _ID_BITS
    # total · p / 2^32 within 64 bits: p is at most 2^32 and total below 2^53.
    high, low = np.uint64(total) >> _HALF, np.uint64(total) & _LOW
    enough = max(np.int64(1), np.int64(high * top_p + ((low * top_p) >> _HALF)))
    running = np.int64(0)
    for place, key in enumerate(largest_first):
        if place >= count or running >= enough:
            weight[_MAX_ID - (key & _MAX_ID)] = 0
        else:
            running += key >> _ID_BITS


@njit
def _high(a: Any, b: Any) -> Any:
    """Returns the upper 64 bits of the 128-bit product of two 64-bit numbers."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_high * b_low + ((a_low * b_low) >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF)


@compiled
def run(
    kind: int,
    weights: tuple[Array, ...],
    state: tuple[Array, Array],
    slots: Array,
    ids: Array,
    clamps: Array,
    after: tuple[Array, Array],
    logits: Array,
    draws: tuple[Array, Array, Array, Array],
) -> None:
    """Reads a character in each of B slots, then T - 1 times the character that was drawn last.

    Args:
        kind: the instruction.
        weights: q, the packed matrices of the layers, one after another; starts (L, N') int32; scales (L, 4H) float32;
            added (V + L - 1, 4H), the table of the first layer and a bias for each of the others; q and start of the
            output and its scale and bias (2, V); tables (2, 4097), sigmoid and tanh; powers (4096,) int64.
        state: h int8 and c float32 of all slots, (L, …, H) each; changed at the end.
        slots, ids: (B,) int64.
        clamps: as for `cells`.
        after: h and c after each character, (T, L, B, H) each, are written here.
        logits: (B, V), or (0, V) if none are needed.
        draws: params (B, 4) and numbers (T, B) as for `draw`; the drawn ids and their bits, (T, B); (0, B) draws none.
    """
    q, starts, scales, added, q_output, start_output, output, tables, powers = weights
    (h, c), (params, numbers, drawn, bits) = after, draws
    steps, layers, rows, hidden = h.shape
    sums, output_sums = np.empty((rows, starts.shape[1]), np.int32), np.empty((rows, len(start_output)), np.int32)
    x = np.empty((rows, 2 * hidden + 4), np.int16)
    last_h, last_c = np.empty((layers, rows, hidden), np.int8), np.empty((layers, rows, hidden), np.float32)
    which_above = np.empty(rows, np.int64)
    _copy_slots(state[0], slots, last_h, True)
    _copy_slots(state[1], slots, last_c, True)
    for t in range(steps):
        end, which = 0, ids if t == 0 else drawn[t - 1]
        for layer in range(layers):
            if layer:
                fill(kind, h[t, layer - 1], 0, x)
                which = which_above
                for row in range(rows):
                    which[row] = len(added) - layers + layer
            fill(kind, last_h[layer], hidden * (layer > 0), x)
            columns = hidden * (1 + (layer > 0))
            start, end = end, end + starts.shape[1] * (-(-columns // _GROUP[kind]) * _GROUP[kind])
            product(kind, q[start:end], starts[layer], x, sums)
            cells(layer, sums, scales[layer], added, which, clamps, tables, last_c[layer], c[t, layer], h[t, layer])
        last_h, last_c = h[t], c[t]
        if len(logits):
            fill(kind, h[t, layers - 1], 0, x)
            product(kind, q_output, start_output, x, output_sums)
            scaled(output_sums, output, logits)
        if len(drawn):
            draw(logits, params, numbers[t], powers, drawn[t], bits[t])
    _copy_slots(state[0], slots, last_h, False)
    _copy_slots(state[1], slots, last_c, False)
