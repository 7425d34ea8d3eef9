"""Lists pinned packages with known vulnerabilities: ``make audit``.

pip-audit asks the package index about each line of the lock files. It calls a package that the index did not answer for
"skipped" and ends well, so its report is read here: no answer is not a clean answer.

Exit codes: 0 every package was looked up and none is known to be vulnerable, 1 some are, 3 some or all could not be looked up.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOCKS = ("constraints.txt", "cuda.txt", "tools.txt")
PIP_AUDIT = Path(sys.executable).with_name("pip-audit")
CLEAN, VULNERABLE, NOT_ASKED = 0, 1, 3


def main() -> int:
    """Ask about every lock file; a line for each vulnerability on stdout, and one that sums up on stderr."""
    dependencies: list[dict[str, Any]] = []
    for lock in LOCKS:
        # --disable-pip: the files list everything, nothing is to be resolved.
        command = [str(PIP_AUDIT), "--disable-pip", "--require-hashes", "--requirement", str(HERE / lock)]
        command += ["--format", "json", "--progress-spinner", "off"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            dependencies += json.loads(asked.stdout)["dependencies"]
        except (ValueError, KeyError):
            last = (asked.stderr.strip().splitlines() or ["no output"])[-1]
            print(f"audit: error: {lock} was not checked: {last}", file=sys.stderr)
            return NOT_ASKED
    for line in found(dependencies):
        print(line)
    code, text = verdict(dependencies)
    print(f"audit: {text}", file=sys.stderr)
    return code


def found(dependencies: list[dict[str, Any]]) -> list[str]:
    """``name version: identifier (fixed in ...)`` for each vulnerability of pip-audit's report, each once."""
    lines = {
        f"{row['name']} {row['version']}: {flaw['id']} (fixed in {', '.join(flaw['fix_versions']) or 'no version yet'})"
        for row in dependencies
        for flaw in row.get("vulns", ())
    }
    return sorted(lines)


def verdict(dependencies: list[dict[str, Any]]) -> tuple[int, str]:
    """Exit code, and what it means in words."""
    total, silent = len(dependencies), sum("skip_reason" in row for row in dependencies)
    lines = found(dependencies)
    unknown = f"the package index gave no answer for {silent} of {total} packages" if silent or not total else ""
    if lines:
        return VULNERABLE, f"{len(lines)} known vulnerabilities in {total} packages" + (f"; {unknown}" if unknown else "")
    if unknown:
        return NOT_ASKED, f"error: {unknown}, so nothing is known about them"
    return CLEAN, f"no known vulnerabilities in {total} packages"


if __name__ == "__main__":
    sys.exit(main())
