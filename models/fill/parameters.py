"""The numbers of the fill, in one table; docs/fill.md says what was measured for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameters:
    """What the fill of a window depends on beside the pixels. Changing one changes results: the golden files hold the defaults.

    Attributes:
        bands: sides of the cells in pixels of the network, coarse to fine. What is larger than a cell of the first is the
            network's, what is smaller the photo's; each further one copies finer detail onto what the one before it has made.
        patch: side in cells of the patches that are compared and copied; neighbours overlap by half.
        samples: a patch is compared by its means in ``samples`` x ``samples`` parts.
        coherence: what a neighbour is worth whose source continues into a patch's own, in 1/256 of a usual distance.
        reuse: what every other use of the same source costs, in 1/256 of a usual distance.
        sweeps: how often all patches choose again.
        seam_levels: halvings over which the step at the hole's border is spread inwards: 2^levels pixels.
        seam_limit: largest correction at the border, in levels of 256.
    """

    bands: tuple[int, ...] = (8, 4)
    patch: int = 8
    samples: int = 4
    coherence: int = 256
    reuse: int = 51
    sweeps: int = 4
    seam_levels: int = 4
    seam_limit: int = 48


DEFAULTS = Parameters()
