"""The nine takeaways of the talk that this project began with, each as comparisons of figures that the table has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.ablations.measure import LATTICE
from benchmarks.ablations.rows import REFERENCE

PSNR, DETAIL, DISTANCE = "hole_psnr_db", "detail_ratio", "squeezenet_distance"

CONFIRMED, CONTRADICTED, UNDECIDED, MISSING = "confirmed", "contradicted", "undecided", "not measured"

Figures = Mapping[str, Sequence[Mapping[str, float]]]
"""Row -> figures of each of its seeds."""


@dataclass(frozen=True)
class Comparison:
    """One row has more of something than another.

    Attributes:
        more: row that is said to have more.
        less: row that is said to have less.
        figure: of what.
    """

    more: str
    less: str
    figure: str

    def verdict(self, figures: Figures) -> str:
        """Confirmed where every seed of one row is above every seed of the other, contradicted the other way round."""
        high, low = (
            [seed[self.figure] for seed in figures.get(row, ()) if self.figure in seed] for row in (self.more, self.less)
        )
        if not high or not low:
            return MISSING
        if min(high) > max(low):
            return CONFIRMED
        return CONTRADICTED if max(high) < min(low) else UNDECIDED

    def text(self, figures: Figures) -> str:
        """The figures behind it: mean of each row."""
        parts = []
        for row in (self.more, self.less):
            values = [seed[self.figure] for seed in figures.get(row, ()) if self.figure in seed]
            parts.append(f"{row} {sum(values) / len(values):.3g}" if values else f"{row} -")
        return f"{self.figure}: {parts[0]}, {parts[1]}"


@dataclass(frozen=True)
class Claim:
    """A takeaway.

    Attributes:
        says: in the talk's words, shortened.
        comparisons: all of them have to hold.
    """

    says: str
    comparisons: tuple[Comparison, ...]

    def verdict(self, figures: Figures) -> str:
        """Contradicted by any comparison that is; confirmed by all of them together."""
        found = [comparison.verdict(figures) for comparison in self.comparisons]
        for verdict in (CONTRADICTED, MISSING, UNDECIDED):
            if verdict in found:
                return verdict
        return CONFIRMED


IMAGE, WAVELET = "image critic", "wavelet critic"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "The mask should be given to both discriminator and generator",
        (
            Comparison("mask to the generator only", REFERENCE, DISTANCE),
            Comparison(REFERENCE, "mask to the generator only", PSNR),
        ),
    ),
    Claim(
        "Without the Haar transform there are no high-frequency details",
        (Comparison(REFERENCE, "pixel generator, image critic", DETAIL),),
    ),
    Claim(
        "A critic of wavelet features brings more high-frequency detail, and checkerboard artefacts",
        (Comparison(WAVELET, IMAGE, DETAIL), Comparison(WAVELET, IMAGE, LATTICE)),
    ),
    Claim(
        "The wavelet generator brings no high-frequency detail if the critic sees the image only",
        (Comparison(REFERENCE, IMAGE, DETAIL),),
    ),
    Claim(
        "Critics in both domains bring the detail without the artefacts",
        (Comparison(REFERENCE, IMAGE, DETAIL), Comparison(WAVELET, REFERENCE, LATTICE)),
    ),
    Claim(
        "Reconstruction loss makes training faster and stable",
        (Comparison(REFERENCE, "no reconstruction loss", PSNR), Comparison("no reconstruction loss", REFERENCE, DISTANCE)),
    ),
    Claim("More discriminators help, for example a patch-wise one", (Comparison(REFERENCE, "and a patch critic", DISTANCE),)),
    Claim(
        "More reconstruction losses help, for example a perceptual one",
        (Comparison(REFERENCE, "and a perceptual loss", DISTANCE),),
    ),
)
"""All but one: :func:`design_of_critics` is that one."""

CRITICS = ("no critic", IMAGE, WAVELET, REFERENCE)
GENERATORS = (
    (REFERENCE, "pixel generator, both critics"),
    (IMAGE, "pixel generator, image critic"),
    (WAVELET, "pixel generator, wavelet critic"),
)


def design_of_critics(figures: Figures) -> tuple[str, str]:
    """ "The results depend more on the design of the discriminators": how far detail moves with the critics of one generator,
    against how far it moves with the generator under one critic.

    Returns:
        The verdict, and the figures behind it.
    """
    mean = {row: sum(s[DETAIL] for s in seeds) / len(seeds) for row, seeds in figures.items() if seeds}
    if any(row not in mean for row in (*CRITICS, *(row for pair in GENERATORS for row in pair))):
        return MISSING, "rows are missing"
    by_critic = max(mean[row] for row in CRITICS) - min(mean[row] for row in CRITICS)
    by_generator = max(abs(mean[a] - mean[b]) for a, b in GENERATORS)
    # As for a comparison: what two seeds of one row differ by may not decide it.
    noise = max(max(s[DETAIL] for s in seeds) - min(s[DETAIL] for s in seeds) for seeds in figures.values() if seeds)
    parts = f"{by_critic:.3g} with the critics, {by_generator:.3g} with the generator, {noise:.3g} with the seed"
    text = f"{DETAIL} moves by {parts}"
    if abs(by_critic - by_generator) <= noise:
        return UNDECIDED, text
    return (CONFIRMED if by_critic > by_generator else CONTRADICTED), text
