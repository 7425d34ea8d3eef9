"""Where a record comes from: parts ``run`` and ``host`` that are the same for everything that is measured on this computer."""

import datetime
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.host import busy, describe_host, governor

ROOT = Path(__file__).parents[2]


def this_host() -> dict[str, Any]:
    """Part ``host``; asked before a run, whose own threads would count as load."""
    described = describe_host()
    return {**described, "governor": governor(), "busy": busy(described)}


def this_run(started: str | None = None) -> dict[str, Any]:
    """Part ``run``.

    Args:
        started: when it began, UTC, ISO 8601; None for now.
    """
    head, changed = commit(ROOT)
    when = started or now()
    return {"id": when, "started": when, "commit": head, "changed": changed}


def now() -> str:
    """The time in UTC, to the second, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def commit(root: Path) -> tuple[str | None, bool | None]:
    """Commit of a checkout, and whether it holds changes; nothing is known outside of one."""
    if not (root / ".git").exists():
        return None, None
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None, None
    return (head.stdout.strip(), bool(status.stdout.strip())) if head.returncode == 0 else (None, None)
