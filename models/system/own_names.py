"""Refuses to start where this project's package names mean something else.

``python -m export`` puts the working directory first on the import path. Where it holds a ``models.py`` of the user's own,
``import models`` would run that file. What starts a command runs this file by its path, because importing it by name is what
cannot be relied on: ``runpy.run_path(".../models/system/own_names.py")["check"]("models")``. It needs only the standard library.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def foreign(package: str, root: Path = ROOT) -> Path | None:
    """What ``import package`` would take instead of ours, without importing it.

    Args:
        package: a top-level package of this project.
        root: the folder that holds this project's packages.

    Returns:
        The file or folder in the way; None where the name is ours, or where nothing has it.
    """
    spec = find_spec(package)
    if spec is None:
        return None
    # A folder without __init__.py has no origin, but is a package to Python.
    origin = Path(spec.origin) if spec.origin else Path(next(iter(spec.submodule_search_locations or ())))
    return None if origin.resolve() == root / package / "__init__.py" else origin


def check(*packages: str) -> None:
    """End the program with one line on stderr and exit code 2 if one of these packages is not ours."""
    for package in packages:
        found = foreign(package)
        if found is not None:
            # A literal name and code: what defines them for the other commands may be what is in the way.
            print(
                f"wavefill: error: {found}: has the name of wavefill's package {package!r} and comes before it on the import "
                "path; use the command `wavefill`, or start from another folder",
                file=sys.stderr,
            )
            sys.exit(2)
