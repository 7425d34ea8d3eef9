"""A sampler with its knobs, as asked for on a command line: checked once, before anything heavy is loaded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from torch import Tensor

from models.system.foreign import parse_json
from models.teacher.samplers import SAMPLERS, Sampler

DEFAULT_STEPS = 250
"""RePaint's number; what the error tables are measured with."""


@dataclass(frozen=True)
class SamplerSettings:
    """Which sampler, how many steps, and its knobs.

    Attributes:
        name: row of ``SAMPLERS``.
        steps: of the respaced schedule; None: those that a few-step generator was trained for.
        knobs: those that differ from the sampler's defaults.
    """

    name: str
    steps: int | None
    knobs: dict[str, object] = field(default_factory=dict)

    @property
    def row(self) -> Sampler:
        """The row of ``SAMPLERS``."""
        return SAMPLERS[self.name]

    def bound(self) -> Callable[..., Tensor]:
        """The sampling function with its knobs given."""
        return partial(self.row.sample, **self.knobs)


def parse_settings(name: str, steps: int | None, settings: list[str], *, observes: bool) -> SamplerSettings:
    """Check a sampler's name and its ``key=value`` knobs.

    Args:
        name: as typed.
        steps: as typed, None for the default.
        settings: ``--set`` options.
        observes: whether the sampler has to restore an observation.

    Raises:
        ValueError: an unknown sampler or knob, one that restores nothing, steps below 1, or a value of the wrong type.
    """
    allowed = [row for row, sampler in SAMPLERS.items() if sampler.observes or not observes]
    if name not in allowed:
        raise ValueError(f"sampler is {name!r}; allowed: {', '.join(allowed)}")
    if steps is None and not SAMPLERS[name].few_step:
        steps = DEFAULT_STEPS
    if steps is not None and steps < 1:
        raise ValueError(f"--steps: {steps} given, at least 1 is needed")
    knobs: dict[str, object] = {}
    # Python reserves `lambda`, so that knob has an underscore in code and none on the command line.
    defaults = {knob.rstrip("_"): value for knob, value in SAMPLERS[name].knobs.items()}
    names = {knob.rstrip("_"): knob for knob in SAMPLERS[name].knobs}
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or key not in defaults:
            known = ", ".join(f"{knob}={value}" for knob, value in defaults.items()) or "none"
            raise ValueError(f"--set {setting}: expected key=value; {name} has these knobs: {known}")
        knobs[names[key]] = _value(setting, text, defaults[key])
    return SamplerSettings(name, steps, knobs)


def _value(setting: str, text: str, default: object) -> object:
    if isinstance(default, str):
        return text
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise ValueError(f"--set {setting}: a {'whole ' if isinstance(default, int) else ''}number is needed, such as {default}")
    return value
