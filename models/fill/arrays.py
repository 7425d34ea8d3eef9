"""Array types of the fill. Everything in it is whole numbers, so that ports to other languages agree to the bit."""

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Integers = NDArray[np.int32]
Positions = NDArray[np.intp]
