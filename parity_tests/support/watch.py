"""Runs a command as a stranger's machine would: without a network, nothing in its environment from this test run, and watched.

Three witnesses: an audit hook in each Python process (`watched/sitecustomize.py`); in a network namespace, where the system lets
us make one, the kernel's count of packets that found no way out, which native libraries cannot pass by; and what ONNX Runtime's
telemetry leaves in the home folder and the folder for temporary files, before it has sent anything.
"""

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from models.system.privacy import OFFLINE, TELEMETRY

ROOT = Path(__file__).parents[2]
HIDES_TELEMETRY = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "TRAVIS", "JENKINS_URL", "ORT_RUNNING_UNIT_TESTS")
"""ONNX Runtime reports nothing where one of these is set; a user's machine has none."""
TRACES = ("deviceid", ".ses", "onnxruntime.db*")
"""Files of its telemetry: an identifier, a session's, a queue of events."""


@dataclass(frozen=True)
class Watched:
    """What a command did.

    Attributes:
        code: its exit code; ``sitecustomize.REFUSED`` if a Python process tried to reach the network.
        text: stdout and stderr.
        traces: files that ONNX Runtime's telemetry left.
        unroutable: packets that the kernel found no way for; None where there is no namespace to count them in.
    """

    code: int
    text: str
    traces: list[str]
    unroutable: int | None


@functools.cache
def namespace() -> tuple[str, ...]:
    """What starts a command in a network namespace with no interface up; () where the system does not allow that."""
    for command in (("unshare", "--net"), ("unshare", "--map-root-user", "--net")):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return ()


def watched(home: Path, *arguments: object, cwd: Path = ROOT) -> Watched:
    """Run ``python ARGUMENTS`` under watch.

    Args:
        home: an empty folder, for the home folder and the folder for temporary files.
        arguments: of the interpreter.
        cwd: working directory; modules are ours wherever it is.
    """
    strange = {name: value for name, value in os.environ.items() if name not in {*TELEMETRY, *OFFLINE, *HIDES_TELEMETRY}}
    strange |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(home / "tmp"), "OMP_NUM_THREADS": "1"}
    strange |= {"PYTHONPATH": os.pathsep.join((str(Path(__file__).with_name("watched")), str(ROOT)))}
    (home / "tmp").mkdir(parents=True)
    counters = home / "counters"
    command = [sys.executable, *map(str, arguments)]
    if namespace():
        count = f'"$@"; code=$?; cat /proc/net/snmp > {counters}; exit $code'
        command = [*namespace(), "sh", "-c", count, "sh", *command]
    done = subprocess.run(command, cwd=cwd, env=strange, capture_output=True, text=True, timeout=600, check=False)
    traces = sorted(str(path.relative_to(home)) for name in TRACES for path in home.rglob(name))
    return Watched(done.returncode, done.stdout + done.stderr, traces, unroutable(counters.read_text()) if namespace() else None)


def unroutable(snmp: str) -> int:
    """``OutNoRoutes`` of IPv4 in the text of /proc/net/snmp."""
    names, values = (line.split()[1:] for line in snmp.splitlines() if line.startswith("Ip:"))
    return int(dict(zip(names, values, strict=True))["OutNoRoutes"])
