"""Builds the shim for the libraries at hand: ``libc.so`` and the other names that Android's linker would find."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
EMPTY = ("m", "dl", "log", "android")
"""Libraries whose functions are all in the one that is built."""

_JUMPS = {
    "x86_64": ".globl {name}\n.type {name},@function\n{name}:\n  movq slots@GOTPCREL(%rip), %r11\n  jmp *{offset}(%r11)\n",
    "aarch64": (
        ".globl {name}\n.type {name},%function\n{name}:\n"
        "  adrp x16, :got:slots\n  ldr x16, [x16, :got_lo12:slots]\n  ldr x16, [x16, #{offset}]\n  br x16\n"
    ),
}


def build(libraries: Sequence[Path], folder: Path, processor: str = "x86_64", compiler: Sequence[str] = ("cc",)) -> int:
    """Write the shim's libraries into a folder.

    Args:
        libraries: of Android, which are to be loaded; what they ask for decides what is built.
        folder: must be there.
        processor: ``x86_64`` or ``aarch64``.
        compiler: makes code for it.

    Returns:
        How many functions go straight to glibc.
    """
    written = set(re.findall(r"^\w[\w *]*?(\w+)\(", SOURCE.read_text(), re.MULTILINE)) | {
        "__sF",
        "stdin",
        "stdout",
        "stderr",
        "sysconf",
        "environ",
    }
    passed = sorted(_asked_for(libraries) - written)
    quoted = ", ".join(f'"{name}"' for name in passed)
    (folder / "names.h").write_text(f"#define COUNT {len(passed)}\n#define NAMES {quoted}\n")
    jumps = "".join(_JUMPS[processor].format(name=name, offset=8 * i) for i, name in enumerate(passed))
    (folder / "trampolines.S").write_text(f'.text\n{jumps}.section .note.GNU-stack,"",%progbits\n')
    (folder / "empty.c").write_text("")
    common = [*compiler, "-shared", "-fPIC", "-w"]
    own = ["-O1", "-fno-builtin", "-fno-stack-protector", f"-I{folder}", str(SOURCE), str(folder / "trampolines.S"), "-ldl"]
    _run([*common, *own, "-Wl,-soname,libc.so", "-o", str(folder / "libc.so")])
    for name in EMPTY:
        _run([*common, str(folder / "empty.c"), f"-Wl,-soname,lib{name}.so", "-o", str(folder / f"lib{name}.so")])
    return len(passed)


def _asked_for(libraries: Sequence[Path]) -> set[str]:
    """Functions that the libraries expect of the system: with Android's version, or with none and not each other's."""
    names = set()
    for library in libraries:
        table = subprocess.run(["nm", "-D", "--undefined-only", str(library)], capture_output=True, text=True, check=True).stdout
        for line in table.splitlines():
            kind, name = line.split()[-2:]
            if "@LIBC" in name or (kind == "U" and not name.startswith("Ort")):
                names.add(name.split("@")[0])
    return names


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
