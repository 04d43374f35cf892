"""Counter-based random words (Threefry-2x32, 20 rounds) as plain NumPy.

Source of the algorithm and of its constants: Salmon, Moraes, Dror and Shaw,
"Parallel random numbers: as easy as 1, 2, 3" (SC 2011), and the Random123 library.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

PARITY = 0x1BD11BDA
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
ROUNDS = 20
FEWEST_ROUNDS = 13  # that pass the authors' tests

Words = NDArray[np.uint32]


def threefry2x32_block(
    key0: ArrayLike,
    key1: ArrayLike,
    word0: ArrayLike,
    word1: ArrayLike,
    rounds: int = ROUNDS,
) -> tuple[Words, Words]:
    """Both words of the block; the arguments broadcast against each other."""
    k0, k1, x0, x1 = (
        np.asarray(a).astype(np.uint32) for a in (key0, key1, word0, word1)
    )
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(PARITY))
    with np.errstate(over="ignore"):  # arithmetic modulo 2**32 is meant
        x0, x1 = x0 + keys[0], x1 + keys[1]
        for turn in range(rounds):
            bits = np.uint32(ROTATIONS[turn % 8])
            x0 = x0 + x1
            x1 = ((x1 << bits) | (x1 >> (np.uint32(32) - bits))) ^ x0
            if turn % 4 == 3:
                step = turn // 4 + 1
                x0 = x0 + keys[step % 3]
                x1 = x1 + keys[(step + 1) % 3] + np.uint32(step)
    return np.asarray(x0), np.asarray(x1)


def threefry2x32(key0: ArrayLike, key1: ArrayLike, counter: ArrayLike) -> Words:
    """First word of the block (counter, 0): the stream every random op draws from."""
    return threefry2x32_block(key0, key1, counter, 0)[0]
