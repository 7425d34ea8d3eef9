"""Two files that only an older Debian still has: Android's class stubs (API 23) and dx, which makes Android's bytecode.

Both packages are taken by version and SHA-256 from the suite that has them, in an apt directory of their own, so that nothing
of the machine's changes. Newer stubs and d8 are on Google's repository only.
"""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from android_demo.packaging.places import CACHE
from models.system.errors import ToolchainMissing

MIRRORS = ("http://deb.debian.org/debian", "http://archive.debian.org/debian")
"""The first, and where a suite goes when it is old."""

SUITE = "bullseye"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_LIMIT_S = 180


@dataclass(frozen=True)
class DebianFile:
    """A file of a package.

    Attributes:
        package, version: of Debian.
        sha256: of the package.
        path: in the package.
    """

    package: str
    version: str
    sha256: str
    path: str


ANDROID_JAR = DebianFile(
    "libandroid-23-java",
    "6.0.1+r72-6",
    "8af1b6df556971dda0a6da3536ea526a838e0c363afcdd454213d8bce94793e3",
    "usr/share/java/com.android.android-23.jar",
)
DX_JAR = DebianFile(
    "dalvik-exchange",
    "10.0.0+r36-1",
    "8fc128db7c27253d963eb9b33de79b197162a4749d2ba69019b2fd0664cbd7fe",
    "usr/share/java/com.android.dx-10.0.0.jar",
)


def fetched(file: DebianFile) -> Path:
    """The file, downloaded once.

    Raises:
        ToolchainMissing: no mirror gives the package.
        ValueError: it is not the one whose hash is known.
    """
    folder = CACHE / "debian" / f"{file.package}-{file.sha256[:16]}"
    if not (folder / file.path).is_file():
        package = _downloaded(file)
        folder.mkdir(parents=True, exist_ok=True)
        _run(["dpkg-deb", "-x", str(package), str(folder)])
        package.unlink()
    return folder / file.path


def _downloaded(file: DebianFile) -> Path:
    said = ""
    for mirror in MIRRORS:
        place = CACHE / "apt" / hashlib.sha256(mirror.encode()).hexdigest()[:8]
        try:
            package = _asked(mirror, place, file)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            said = said or str(error)
            continue
        found = hashlib.sha256(package.read_bytes()).hexdigest()
        if found != file.sha256:
            package.unlink()
            raise ValueError(f"{file.package} {file.version}: SHA-256 {found}, {file.sha256} is expected")
        return package
    raise ToolchainMissing(f"{file.package} {file.version} of Debian {SUITE} could not be had: {said}")


def _asked(mirror: str, place: Path, file: DebianFile) -> Path:
    """Ask one mirror for a package, with lists and caches in a folder of their own."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (place / part).mkdir(parents=True, exist_ok=True)
    (place / "status").touch()
    (place / "sources.list").write_text(f"deb [signed-by={KEYS}] {mirror} {SUITE} main\n")
    options = {
        "Dir::State": place / "state",
        "Dir::State::status": place / "status",
        "Dir::Cache": place / "cache",
        "Dir::Etc::sourcelist": place / "sources.list",
        "Dir::Etc::sourceparts": "/nonexistent",
        "Acquire::Check-Valid-Until": "false",  # an old suite is not signed anew; the hash decides
        "APT::Sandbox::User": "",
        "APT::Architecture": "amd64",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    _run([*apt, "update"])
    _run([*apt, "download", f"{file.package}={file.version}"], place)
    return next(place.glob(f"{file.package}_*.deb"))


def _run(command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no answer"])[-1])
