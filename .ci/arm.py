"""Makes a small ARM system in a folder, for the emulator to run: ``make arm``.

Debian's arm64 packages of Python, unpacked and not installed, and the aarch64 wheels of the runtimes that
`.ci/constraints.txt` pins for this processor, by the same hashes. Neither needs root rights. Debian's packages are checked by apt
against the archive's signature; they come from where this host's own come from, so its release must be that of Python 3.11
(Debian 12).

Exit code 0: done; 1: a step failed; 3: this host lacks a tool, or its archive these packages. Then the folder is as it was.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

TOOLS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "qemu-aarch64": "qemu-user",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
}
"""Programs, and the Debian packages that bring them."""

PACKAGES = (
    *("libc6", "libgcc-s1", "libstdc++6", "libcrypt1", "zlib1g", "libexpat1", "libffi8", "libbz2-1.0", "liblzma5", "libssl3"),
    *("libuuid1", "libpython3.11-minimal", "libpython3.11-stdlib", "python3.11-minimal"),
)
"""Python 3.11 and all that it and the wheels load."""

WHEELS = ("numpy", "onnxruntime", "ai-edge-litert")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64")
UNPACK_SECONDS, FETCH_SECONDS = 60, 300


class Missing(Exception):
    """This host cannot make the system."""


def main(folder: Path) -> None:
    """Make the system in ``folder``, which appears when it is whole."""
    missing = {program: package for program, package in TOOLS.items() if shutil.which(program) is None}
    if missing:
        raise Missing(f"not installed: {', '.join(missing)} (Debian: apt-get install {' '.join(missing.values())})")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / "root"
        made.mkdir()
        unpack_debian(Path(scratch), made)
        install_wheels(Path(scratch), made / "wheels")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def unpack_debian(scratch: Path, root: Path) -> None:
    """Fetch ``PACKAGES`` with lists and a cache of their own, so that this host's apt knows nothing of arm64 afterwards."""
    for name in ("state/lists/partial", "cache/archives/partial", "packages"):
        (scratch / name).mkdir(parents=True)
    (scratch / "status").touch()
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State": scratch / "state",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        # apt drops root's rights for a user who cannot write here, and says so for each package.
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    run([*apt, "update"], scratch, FETCH_SECONDS)
    try:
        run([*apt, "download", *PACKAGES], scratch / "packages", FETCH_SECONDS)
    except subprocess.CalledProcessError as error:
        raise Missing(f"this host's package archive has no arm64 Python 3.11 ({last_line(error.stderr)})") from error
    for package in sorted((scratch / "packages").glob("*.deb")):
        run(["dpkg-deb", "-x", package, root], scratch, UNPACK_SECONDS)


def install_wheels(scratch: Path, target: Path) -> None:
    """Unpack the wheels of ``WHEELS`` that the lock file names, for ARM and Python 3.11."""
    lock = (HERE / "constraints.txt").read_text(encoding="utf-8")
    entries = [re.search(rf"^{re.escape(name)}==(?:.*\\\n)*.*\n", lock, re.MULTILINE) for name in WHEELS]
    # Their markers would be asked of this host, not of the one that is made.
    texts = [re.sub(r" ; .*?( \\\n)", r"\1", entry.group()) for entry in entries if entry]
    if len(texts) != len(WHEELS):
        raise RuntimeError(f"{HERE / 'constraints.txt'} does not pin {', '.join(WHEELS)}")
    (scratch / "wheels.txt").write_text("".join(texts), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile", "--require-hashes"]
    pip += ["--no-deps", "--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"]
    pip += [*(f"--platform={platform}" for platform in PLATFORMS), "--target", target, "-r", scratch / "wheels.txt"]
    run(pip, scratch, FETCH_SECONDS)


def run(command: list[object], folder: Path, seconds: float) -> None:
    """Run a program; its output is shown only if it fails."""
    subprocess.run([*map(str, command)], cwd=folder, check=True, capture_output=True, text=True, timeout=seconds)


def last_line(text: str) -> str:
    """What a program said at its end."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).absolute())
    except Missing as error:
        print(f"make arm: {error}", file=sys.stderr)
        sys.exit(3)
    except subprocess.CalledProcessError as error:
        print(f"make arm: {error.cmd[0]} failed: {last_line(error.stderr)}", file=sys.stderr)
        sys.exit(1)
    except subprocess.TimeoutExpired as error:
        print(f"make arm: {error.cmd[0]} did not end within {error.timeout:.0f} s", file=sys.stderr)
        sys.exit(1)
