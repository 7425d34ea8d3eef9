"""Pins every package with the SHA-256 of its files: ``make lock``, or ``make lock UPGRADE="--upgrade-package onnx"``.

| written | read | holds |
|---|---|---|
| `.ci/constraints.txt` | `pyproject.toml` | everything that the `all` extra brings along, for Linux and macOS |
| `.ci/cuda.txt` | the same | what only torch's CUDA build needs |
| `.ci/torch_cpu.txt` | the sources that pip is set up with | torch's CPU builds, which the package index does not have |
| `.ci/tools.txt` | `.ci/tools.in` | uv and pip-audit, which `make lock` and `make audit` run |

uv resolves. Versions stay as they are unless pyproject.toml or ``--upgrade`` asks for others. Files are written when all four are
known. Exit code 0: done; 1: a step failed, see stderr.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
UV = Path(sys.executable).with_name("uv")

CPU_BUILDS = (
    # Python  platform tag of the wheel
    ("3.11", "manylinux_2_28_x86_64"),
    ("3.11", "manylinux_2_28_aarch64"),
    ("3.12", "manylinux_2_28_x86_64"),
    ("3.12", "manylinux_2_28_aarch64"),
)

NOT_OFFERED = ("No matching distribution", "ResolutionImpossible")
"""How pip says that it found no such wheel: the second where its sources have one, but for another platform."""

HEADER = "# Made by `make lock` from {source}: do not edit. {what}\n"


def compiled(source: str, pins: str, *options: str) -> str:
    """What uv makes of a requirements file: ``name==version``, markers, hashes and, in comments, who asked for it.

    Args:
        source: path of the requirements, relative to the repository.
        pins: lock file whose versions are kept where they still satisfy.
        options: further options of ``uv pip compile``.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lock.txt"
        out.write_text(pins, encoding="utf-8")
        command = [str(UV), "pip", "compile", source, "--quiet", "--universal", "--generate-hashes", "--no-header"]
        # Without pip's extra sources: a lock file that only some machines can satisfy is none.
        command += ["--python-version", "3.11", "--output-file", str(out), *options]
        subprocess.run(command, cwd=ROOT, check=True)
        return out.read_text(encoding="utf-8")


def blocks(lock: str) -> dict[str, str]:
    """A lock file's text for each package: its line, its hashes, its comments."""
    found = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    return {re.split(r"[=\[ ]", block, maxsplit=1)[0]: block for block in found}


def askers(block: str) -> set[str]:
    """The packages on whose behalf uv took this one, from its comments."""
    return {line.split()[-1] for line in block.splitlines() if re.match(r" +# ", line) and line.split()[-1] != "via"}


def only_cuda(packages: dict[str, str]) -> set[str]:
    """Packages that are there for torch's CUDA build alone: on Linux only, and asked for by torch or by one of themselves."""
    linux_only = {name for name, block in packages.items() if "'linux'" in block and "'darwin'" not in block}
    found = linux_only
    while True:
        kept = {name for name in found if askers(packages[name]) <= found | {"torch"}}
        if kept == found:
            return found
        found = kept


def cpu_builds(version: str, known: str) -> str:
    """The lock file of torch's CPU builds.

    A build that pip is offered here is downloaded and measured; of one that is not, the hash that was known for this version
    stays.

    Raises:
        ValueError: of a build, neither.
    """
    rows = dict(re.findall(r"^# ([0-9a-f]{64})  (torch-.+\.whl)$", known, flags=re.MULTILINE))
    hashes = {name: digest for digest, name in rows.items()}
    listed = []
    for python, platform in CPU_BUILDS:
        tag = f"cp{python.replace('.', '')}"
        name = f"torch-{version}+cpu-{tag}-{tag}-{platform}.whl"
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            command += ["--python-version", python, "--platform", platform, "--dest", folder, f"torch=={version}+cpu"]
            offered = subprocess.run(command, capture_output=True, text=True, check=False)
            wheels = list(Path(folder).iterdir())
            if wheels:
                with wheels[0].open("rb") as file:
                    hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
            elif not any(refusal in offered.stderr for refusal in NOT_OFFERED):
                raise ValueError(f"{name}: {offered.stderr.strip()}")
        if name not in hashes:
            raise ValueError(
                f"{name}: pip is not offered it and its hash is not known; "
                "set PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL to where it is"
            )
        print(f"lock: {name}: {'measured' if wheels else 'not offered here, hash kept'}", file=sys.stderr)
        listed.append((hashes[name], name))
    return (
        "".join(f"# {digest}  {name}\n" for digest, name in listed)
        + f"torch=={version}+cpu ; sys_platform == 'linux'"
        + "".join(f" \\\n    --hash=sha256:{digest}" for digest, _ in sorted(listed))
        + "\n"
    )


def main(options: list[str]) -> int:
    """Write the four files.

    Args:
        options: of ``uv pip compile``, such as ``--upgrade``.
    """
    files = ("constraints.txt", "cuda.txt", "torch_cpu.txt", "tools.txt")
    old = {name: (HERE / name).read_text(encoding="utf-8") for name in files}
    packages = blocks(compiled("pyproject.toml", old["constraints.txt"] + old["cuda.txt"], "--all-extras", *options))
    cuda = only_cuda(packages)
    version = packages["torch"].split(" ", 1)[0].removeprefix("torch==")
    new = {
        "constraints.txt": HEADER.format(source="pyproject.toml", what="Everything but what only torch's CUDA build needs.")
        + "".join(block for name, block in packages.items() if name not in cuda),
        "cuda.txt": HEADER.format(source="pyproject.toml", what="What only torch's CUDA build needs.")
        + "".join(packages[name] for name in packages if name in cuda),
        "torch_cpu.txt": HEADER.format(source="the wheels", what="torch's CPU builds.")
        + cpu_builds(version, old["torch_cpu.txt"]),
        "tools.txt": HEADER.format(source=".ci/tools.in", what="What `make lock` and `make audit` run.")
        + compiled(".ci/tools.in", old["tools.txt"], *options),
    }
    for name, text in new.items():
        half = HERE / f"{name}.half"
        half.write_text(text, encoding="utf-8")
        half.replace(HERE / name)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"lock: error: {error}")
