"""The numbers of the fill, in one table; docs/fill.md says what was measured for each."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Parameters:
    """What the fill of a window depends on beside the pixels. Changing one changes results: the golden files hold the defaults.

    Attributes:
        band: side of the cells in pixels of the network, even or 1. Larger things are the network's alone, those smaller than
            half a cell mostly the photo's.
        middle: how much of the photo's detail between half a cell and a cell is copied, in quarters: there the network has its
            own.
        patch: side in cells of the patches that are compared and copied; neighbours overlap by half.
        samples: a patch is compared by its means in ``samples`` x ``samples`` parts.
        coherence: what a neighbour is worth whose source continues into a patch's own, in 1/256 of a usual distance.
        reuse: what every other use of the same source costs, in 1/256 of a usual distance.
        echo: what a source costs, for every neighbour, that overlaps the one which continues the neighbour's and is another: the
            same detail twice, a few cells apart.
        rows: what it costs that a source lies a patch's side higher or lower, in 1/256 of a usual distance. Scenes are layered
            from the ground to the sky: what is needed is more often beside the hole than above it.
        columns: the same for a source that lies a patch's side to the left or right.
        sweeps: how often all patches choose again.
        shallow: where the network sees the photo at its own scale, a hole that is nowhere deeper than this many pixels gets no
            detail, and half of the tone of what it touches; 0: none. A wire's fill has no blur to add detail to, and too little
            of it to measure a tone as for others.
        fade: over how many half pixels of the photo detail comes in from the hole's border, at least 1. What is copied from
            elsewhere does not continue the lines at the border; the network's fill does.
        tone_variance: where the photo beside the hole's border varies this much in brightness, in squared levels, half of a
            difference of brightness there is believed to be one of tone; at least 1.
        colour: how much of what sets the fill's colours off from the interpolated ones stays, in quarters.
        seam_variance: as ``tone_variance``, for the step at the border.
        seam_levels: halvings over which the step at the hole's border is spread inwards: 2^levels pixels.
        seam_limit: largest correction at the border, in levels of 256.
        coarse: how many times larger cells are where a hole lies in one texture whose shapes the network does not know
            (``texture.py``), and all of the detail smaller than them is copied; 1: never.
        crowd: no detail where the patches to fill are more than this many times the sources, at least 1: the same few ones would
            be shown over and over, in rows.
    """

    band: int = 4
    middle: int = 3
    patch: int = 4
    samples: int = 4
    coherence: int = 256
    reuse: int = 51
    echo: int = 128
    rows: int = 512
    columns: int = 128
    sweeps: int = 4
    shallow: int = 3
    fade: int = 5
    tone_variance: int = 30
    colour: int = 2
    seam_variance: int = 100
    seam_levels: int = 4
    seam_limit: int = 48
    coarse: int = 2
    crowd: int = 2


DEFAULTS = Parameters()

WIDENING = replace(DEFAULTS, rows=1024, columns=256, seam_variance=1000)
"""For a hole at the photo's border, which has the photo at one side only: the network is less sure, nearness says more, and a
step along one straight line is seen at once."""
