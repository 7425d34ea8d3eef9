"""A connected phone, through Android's ``adb``: files there and back, commands, what it says of itself."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from export.errors import ToolchainMissing
from models.system.errors import one_line

CALL_S = 120
"""Seconds that a call may take, unless it says otherwise."""

PROPERTIES = {
    "model": "ro.product.model",
    "soc": "ro.soc.model",
    "abi": "ro.product.cpu.abi",
    "release": "ro.build.version.release",
}


class Lost(RuntimeError):
    """The phone does not answer any more, or refused a command; the text says which."""


@dataclass(frozen=True)
class Device:
    """One phone.

    Attributes:
        adb: the program.
        serial: as ``adb devices`` lists it.
    """

    adb: str
    serial: str

    def shell(self, command: str, limit_s: float = CALL_S) -> str:
        """Output of a command on the phone.

        Raises:
            Lost: no answer in time, or an exit code that is not 0.
        """
        return self._call(limit_s, "shell", command)

    def push(self, source: Path, target: str) -> None:
        """Copy a file to the phone.

        Raises:
            Lost: it cannot be.
        """
        self._call(10 * CALL_S, "push", str(source), target)

    def pull(self, source: str, target: Path) -> None:
        """Copy a file from the phone.

        Raises:
            Lost: it cannot be.
        """
        self._call(CALL_S, "pull", source, str(target))

    def _call(self, limit_s: float, *words: str) -> str:
        try:
            done = subprocess.run(
                [self.adb, "-s", self.serial, *words],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Lost(f"{self.serial}: no answer in {limit_s:g} s to: adb {' '.join(words)[:80]}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Lost(f"{self.serial}: {one_line(said[-1]) if said else f'exit code {done.returncode}'} (adb {words[0]})")
        return done.stdout

    def about(self) -> dict[str, object]:
        """Part ``host`` of a record, but for the thermal status."""
        found = {key: self.shell(f"getprop {name}").strip() for key, name in PROPERTIES.items()}
        # Phones before Android 12 do not name their system on a chip.
        soc = found["soc"] or self.shell("getprop ro.board.platform").strip() or "unknown"
        governors = self.shell("cat /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor 2>/dev/null || true").split()
        return {
            "model": found["model"] or "unknown",
            "soc": soc,
            "abi": found["abi"],
            "system": f"Android {found['release']}",
            "cores": int(self.shell("nproc").strip() or 0),
            "governors": sorted(set(governors)),
        }

    def thermal(self) -> int | None:
        """Android's thermal status: 0 none, 1 light, ... 6 shutdown; None where it does not tell (before Android 10)."""
        found = re.search(r"Thermal Status:\s*(\d)", self.shell("dumpsys thermalservice 2>/dev/null || true"))
        return int(found.group(1)) if found else None


def connected(serial: str | None) -> Device:
    """The phone to measure.

    Args:
        serial: which; None where there is only one.

    Raises:
        ToolchainMissing: no ``adb``, no phone, or one that does not let this computer in.
        ValueError: several, or not the one that was asked for.
    """
    adb = shutil.which("adb")
    if adb is None:
        raise ToolchainMissing("adb is not installed (Android's platform tools; Debian: apt-get install adb)")
    try:
        listed = subprocess.run([adb, "devices"], capture_output=True, text=True, timeout=CALL_S, check=False).stdout
    except subprocess.TimeoutExpired as error:
        raise ToolchainMissing(f"adb devices: no answer in {CALL_S} s") from error
    states = dict(re.findall(r"^(\S+)\t(\S+)", listed, re.MULTILINE))
    if serial is not None and serial not in states:
        raise ValueError(f"--serial {serial}: not connected; connected: {', '.join(states) or 'none'}")
    if not states:
        raise ToolchainMissing("no phone is connected (adb devices lists none); switch USB debugging on and connect one")
    if serial is None and len(states) > 1:
        raise ValueError(f"several phones are connected: {', '.join(states)}; choose one with --serial")
    chosen = serial or next(iter(states))
    if states[chosen] != "device":
        raise ToolchainMissing(f"{chosen} is {states[chosen]}: unlock the phone and allow this computer")
    return Device(adb, chosen)
