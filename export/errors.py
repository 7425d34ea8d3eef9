"""The two error classes of our own; every other bad input is a ``ValueError``."""

from models.system.errors import ToolchainMissing

__all__ = ["ToolchainMissing", "Unsupported"]


class Unsupported(ValueError):
    """A combination that this project does not make, or an operator that the MIL evaluator does not know."""
