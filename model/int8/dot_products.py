"""The instruction that adds products of 8-bit integers fastest on this processor, and the layout that it reads.

The plain loop runs on any processor. The other instructions read a matrix in panels: of as many rows as `VECTORS`
vectors have lanes, one group of columns after another, so that no sum crosses lanes and memory is read in order.

Shapes: N and K rows and columns of a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

VECTORS = 4  # of sums at once: an instruction takes 4 to 5 cycles, and one or two start in each cycle


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """A way to add products.

    Attributes:
        name: its name in docs/int8-inference.md.
        needs: the features that the processor must have, as LLVM names them.
        intrinsic: LLVM's name of the instruction; "" for the plain loop.
        lanes: sums in a vector.
        group: products that each lane adds at once: 4 of uint8 and int8, or 2 of int16.
    """

    name: str
    needs: tuple[str, ...] = ()
    intrinsic: str = ""
    lanes: int = 1
    group: int = 1

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


def supported(features: str) -> tuple[int, ...]:
    """Returns the kinds that a processor with these features has, the fastest last.

    Args:
        features: as LLVM lists them, such as "+avx2,-avx512f".
    """
    has = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    return tuple(kind for kind, each in enumerate(INSTRUCTIONS) if has.issuperset(each.needs))


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
