"""What the configurations of the student's and of a teacher's training share: schedules, JSON, ``--set key=value``."""

import dataclasses
import json
from typing import Any, ClassVar, Self

from models.system.foreign import parse_json


class RunConfig:
    """Base of frozen dataclasses that have the fields below among others."""

    steps: int
    decay_steps: int
    warmup_steps: int
    learning_rate: float
    ema_decay: float
    clip_norm: float
    r1_gamma: float
    r1_interval: int

    TITLE: ClassVar[str]
    """What error messages begin with."""
    FIXED: ClassVar[str]
    """The field that ``--set`` cannot change: the name of the recipe."""
    FORMAT: ClassVar[str]
    """What the header of a saved state names."""
    STATE: ClassVar[str]
    """What such a file is called in messages."""

    @property
    def opponents_peak(self) -> float:
        """Highest learning rate of the networks that play against the main one."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: not the fields of this version's configuration.
        """
        raise NotImplementedError

    def rate(self, step: int, peak: float | None = None) -> float:
        """Learning rate at a step: linear warm-up, plateau, linear decay to zero; of the main network, or for another peak."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        cool = min(1.0, (self.steps - step) / max(1, self.decay_steps))
        return (self.learning_rate if peak is None else peak) * warm * cool

    def ema(self, step: int) -> float:
        """Decay of the moving average at a step; short at first so that the initial weights are forgotten."""
        return min(self.ema_decay, (step + 1) / (step + 10))

    def is_penalty_step(self, step: int) -> bool:
        """Whether the discriminators' gradient penalty is taken at a step."""
        return self.r1_gamma > 0 and step % self.r1_interval == 0

    def to_json(self) -> str:
        """Indented JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)  # type: ignore[call-overload]  # a dataclass

    def with_settings(self, settings: list[str]) -> Self:
        """Apply ``key=value`` settings, values as JSON (a bare word is a string).

        Raises:
            ValueError: no ``=``, an unknown key, or a value of the wrong type.
        """
        names = [f.name for f in dataclasses.fields(self) if f.name != self.FIXED]  # type: ignore[arg-type]  # a dataclass
        changes: dict[str, Any] = {}
        for setting in settings:
            key, separator, text = setting.partition("=")
            self.require(
                bool(separator) and key in names, f"--set {setting}: expected key=value with a key of {', '.join(names)}"
            )
            try:
                value = parse_json(text, finite=False)
            except ValueError:
                value = text
            current = getattr(self, key)
            if isinstance(current, float) and type(value) is int:
                value = float(value)
            if isinstance(current, tuple) and isinstance(value, list):
                value = tuple(tuple(v) if isinstance(v, list) else v for v in value)
            kind = type(current).__name__
            self.require(type(value) is type(current), f"--set {setting}: {key} is of type {kind}, e.g. {current}")
            changes[key] = value
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]  # a dataclass

    @classmethod
    def require(cls, condition: bool, message: str) -> None:
        """Refuse what does not hold.

        Raises:
            ValueError: with the title before the message.
        """
        if not condition:
            raise ValueError(f"{cls.TITLE}: {message}")


def checked_types(config: type[RunConfig], values: dict[str, Any]) -> dict[str, Any]:
    """Values for the fields of a configuration, with the types of their defaults; whole numbers may stand for others.

    Raises:
        ValueError: a value of another type, which no comparison of ranges would find.
    """
    for field in dataclasses.fields(config):  # type: ignore[arg-type]  # a dataclass
        given = values.get(field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if field.name in values and type(given) is not type(default):
            if type(default) is not float or type(given) is not int:
                raise ValueError(f"{field.name} is {str(given)[:40]!r}; it is of type {type(default).__name__}, e.g. {default}")
            values[field.name] = float(given)
    return values
