"""The program for phones, made here: ``runner.c`` as an executable of Android's, without Android's toolchain.

Debian's cross compiler and ONNX Runtime's headers are enough, because the program asks for no more of the system than the
functions below, which have been in Android's C library since Android 5 under the same names and conventions as in glibc. What a
toolchain of Android's adds is the start of the program, which is written out in ``START``, and names to link against, which are
made from the list.
"""

import subprocess
import tempfile
from pathlib import Path

from benchmarks.arm.android import ARCHIVE, HEADERS, LIBRARY, missing_tools, unpack
from benchmarks.arm.bionic import ARM64
from benchmarks.arm.emulator import CACHE
from benchmarks.arm.made_once import made_once
from models.system.errors import ToolchainMissing

SOURCE = Path(__file__).with_name("runner.c")
ABI = "arm64-v8a"

FUNCTIONS = {
    "libc.so": "__libc_init _exit clock_gettime fclose fflush fopen fread fwrite getrusage malloc printf puts putchar",
    "libdl.so": "dlerror dlopen dlsym",
}
"""What the program may ask for, by the library that has it; a compiler makes some ``printf`` into ``puts``."""

START = """
__asm__(".globl _start\\n_start:\\n\\tmov x29, xzr\\n\\tmov x30, xzr\\n\\tmov x0, sp\\n\\tb begin\\n");
int main(int, char **);
void __libc_init(void *, void (*)(void), int (*)(int, char **), const void *);
/* What is to be called before and after main, in pairs of addresses and counts: nothing. */
static const void *const none[6];
__attribute__((used)) void begin(void *arguments) { __libc_init(arguments, 0, main, none); }
"""
"""Linux starts a program with its arguments on the stack; Android's C library takes them from there (bionic's ``crtbegin.c``)."""

FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Werror", "-fPIE", "-fno-stack-protector", "-fno-asynchronous-unwind-tables")
LINKING = (
    "-nostdlib",
    "-pie",
    "-Wl,--no-undefined",
    "-Wl,--no-as-needed",  # libc.so first: it is what is initialised first
    "-Wl,-z,now",
    "-Wl,-z,max-page-size=16384",  # phones from 2025 on have pages of 16 KiB
    "-Wl,--dynamic-linker=/system/bin/linker64",
)


def built_for_phones() -> tuple[Path, Path]:
    """The program and ONNX Runtime's library, for arm64; made once.

    Returns:
        ``runner`` and ``libonnxruntime.so``, in one folder.

    Raises:
        ToolchainMissing: no cross compiler, or no library (`make kotlin` installs it).
        RuntimeError: the compiler or the linker refused.
    """
    if reason := missing_tools():
        raise ToolchainMissing(f"the program for phones cannot be made here: {reason}; or give one with --runner")

    def make(folder: Path) -> None:
        unpack(folder)
        link(folder)

    place = made_once(CACHE, "phone", (ARCHIVE, SOURCE, Path(__file__)), make)
    return place / "runner", place / Path(LIBRARY).name


def link(folder: Path) -> None:
    """Make ``runner`` in a folder that has ONNX Runtime's headers.

    Raises:
        RuntimeError: the compiler or the linker refused, for instance a function that is not in ``FUNCTIONS``.
    """
    (folder / "start.c").write_text(START, encoding="ascii")
    with tempfile.TemporaryDirectory() as scratch:
        names = Path(scratch)
        for library, functions in FUNCTIONS.items():
            (names / "names.c").write_text("".join(f"void {name}(void) {{}}\n" for name in functions.split()), encoding="ascii")
            options = ("-shared", "-nostdlib", "-fno-builtin", f"-Wl,-soname,{library}")
            _run(ARM64.compiler, *options, "-o", names / library, names / "names.c")
        include = folder / HEADERS.rstrip("/")
        sources = (SOURCE, folder / "start.c")
        _run(
            ARM64.compiler,
            *FLAGS,
            f"-I{include}",
            *LINKING,
            "-o",
            folder / "runner",
            *sources,
            *(names / one for one in FUNCTIONS),
        )


def _run(*command: object) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-600:]}")
