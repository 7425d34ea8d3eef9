"""Array types of the fill. Everything in it is whole numbers, so that ports to other languages agree to the bit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Integers = NDArray[np.int32]
Planes = NDArray[Any]
"""(C, H, W) of whole numbers: NumPy is fast where many values of one kind lie side by side, which three colours are not."""
Positions = NDArray[np.intp]
