"""Streams of randomness, each of one purpose, from a seed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Randomness of one purpose, independent of every other purpose under the same seed."""
    import numpy as np

    key = hashlib.sha256("\x1f".join(map(str, purpose)).encode()).digest()
    words = [int.from_bytes(key[at : at + 4], "little") for at in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=tuple(words))))
