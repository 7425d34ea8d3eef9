"""What stands in for Android's C library, so that libraries for Android run on Linux: ``bionic.c`` and a table of trampolines."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("bionic.c")

OTHER_LIBRARIES = ("libm.so", "libdl.so", "liblog.so", "libandroid.so")
"""What libraries for Android name beside libc.so; here libc.so holds everything, and these are empty."""

GUARD = "libguard.so"
"""Thread-local memory that nobody writes. Code for Android reads the guard of its stack at 0x28 from the thread pointer and
expects it unchanged when a function ends; there glibc keeps the variables of the program or, where it has none, of the first
library."""

FIRST = f"{GUARD}:libc.so.6"
"""``LD_PRELOAD`` for a program that was linked for Android: glibc has to be searched before what stands in for bionic."""


@dataclass(frozen=True)
class Toolchain:
    """Programs that make code for a processor.

    Attributes:
        compiler: and linker.
        symbols: lists a library's symbols as ``nm`` does.
        jump: assembler that jumps to the address at ``forwarded_targets + {offset}``, in registers that a call may destroy.
        mark: before the word for a type of symbol.
    """

    compiler: str
    symbols: str
    jump: tuple[str, ...]
    mark: str


ARM64 = Toolchain(
    "aarch64-linux-gnu-gcc",
    "aarch64-linux-gnu-nm",
    # x16 is the register that a call may destroy on its way (AAPCS64, "IP0").
    ("adrp x16, forwarded_targets", "add x16, x16, :lo12:forwarded_targets", "ldr x16, [x16, #{offset}]", "br x16"),
    "%",
)
X86_64 = Toolchain("cc", "nm", ("jmp *forwarded_targets+{offset}(%rip)",), "@")


def stand_in(libraries: Sequence[Path], folder: Path, toolchain: Toolchain) -> list[str]:
    """Compile libc.so and the empty libraries beside it into a folder.

    Args:
        libraries: for Android, which are to be loaded together; what they ask for decides what is built.
        folder: must be there.
        toolchain: for their processor.

    Returns:
        The functions that go straight to glibc's.

    Raises:
        RuntimeError: a program of the toolchain failed.
    """
    own = folder / "bionic.o"
    flags = ("-O1", "-std=gnu11", "-fPIC", "-fno-builtin", "-fno-stack-protector")
    _run(toolchain.compiler, *flags, "-c", "-o", own, SOURCE)
    there = {name for path in (own, *libraries) for name in _symbols(toolchain, path, "--defined-only")}
    # Weak symbols (kind w) may stay without a function: the library looks before it calls.
    wanted = {name for path in libraries for name in _symbols(toolchain, path, "--undefined-only", kind="U")}
    names = sorted(wanted - there)
    (folder / "forwarded.S").write_text(trampolines(names, toolchain), encoding="ascii")
    _link(toolchain, folder, "libc.so", own, folder / "forwarded.S")
    (folder / "guard.c").write_text("__thread volatile char guard[256] __attribute__((aligned(16)));\n", encoding="ascii")
    _link(toolchain, folder, GUARD, folder / "guard.c")
    (folder / "empty.c").touch()
    for name in OTHER_LIBRARIES:
        _link(toolchain, folder, name, folder / "empty.c")
    return names


def trampolines(names: Sequence[str], toolchain: Toolchain) -> str:
    """Assembler: the names, their targets, and for each a function that jumps to its target."""
    lines = [f'.section .note.GNU-stack,"",{toolchain.mark}progbits', ".bss", ".balign 8", *_hidden("forwarded_targets")]
    lines += [f".skip {8 * len(names)}", ".section .rodata", *_hidden("forwarded_names")]
    lines += [*(f'.asciz "{name}"' for name in names), ".byte 0", ".text"]
    for index, name in enumerate(names):
        lines += [f".globl {name}", f".type {name}, {toolchain.mark}function", f"{name}:"]
        lines += [line.format(offset=8 * index) for line in toolchain.jump]
    return "\n".join(lines) + "\n"


def _hidden(name: str) -> tuple[str, ...]:
    return (f".globl {name}", f".hidden {name}", f"{name}:")


def _symbols(toolchain: Toolchain, path: Path, which: str, kind: str | None = None) -> list[str]:
    """Names of an object's global symbols, or of a library's dynamic ones, without their versions."""
    table = _run(toolchain.symbols, *(() if path.suffix == ".o" else ("-D",)), "--extern-only", which, path)
    rows = (line.split()[-2:] for line in table.splitlines())
    return [name.split("@")[0] for found, name in rows if kind in (None, found)]


def _link(toolchain: Toolchain, folder: Path, name: str, *sources: Path) -> None:
    _run(toolchain.compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", folder / name, *sources)


def _run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-600:]}")
    return done.stdout
