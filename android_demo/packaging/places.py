"""Where things are, and what is missing on this machine."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

DEMO = Path(__file__).parents[1]
CACHE = DEMO.parent / ".cache" / "android"
NODE_MODULES = DEMO / "node_modules"
COMPILER = NODE_MODULES / "kotlin-compiler" / "lib"
RUNTIME = NODE_MODULES / "com.github.asus4.onnxruntime"
AAR = RUNTIME / "Plugins" / "Android" / "onnxruntime.aar"
AAR_SHA256 = "98cddbac92640b4a6af72a03c42e0491851f366d3da66bbaeb5dd66310946cf2"

JAVA = Path("/usr/share/java")
JUNIT = (JAVA / "junit4.jar", JAVA / "hamcrest-core.jar")
"""Debian's junit4."""

ASM = JAVA / "asm.jar"
"""Debian's libasm-java."""

COMMANDS = {
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "keytool": "default-jdk-headless",
    "aapt2": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
    "dexdump": "dexdump",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}
"""Commands of the build, and Debian's package of each."""


def missing_for_kotlin() -> str | None:
    """Why Kotlin cannot be compiled here; None where it can."""
    if shutil.which("java") is None:
        return "no Java here, which the Kotlin compiler needs"
    if not (COMPILER / "kotlin-compiler.jar").is_file() or not AAR.is_file():
        return "`make kotlin` has not installed the Kotlin compiler and ONNX Runtime for Android"
    return None


def missing_for_junit() -> str | None:
    """Why the unit tests of the core cannot be run here; None where they can."""
    lacking = [path.name for path in JUNIT if not path.is_file()]
    return missing_for_kotlin() or (f"no {', '.join(lacking)} (Debian's junit4)" if lacking else None)


def missing_for_apk() -> str | None:
    """Why the app cannot be built here; None where it can."""
    lacking = {package for command, package in COMMANDS.items() if shutil.which(command) is None}
    if not ASM.is_file():
        lacking.add("libasm-java")
    said = f"to build the app, Debian's packages {', '.join(sorted(lacking))} are needed" if lacking else None
    return missing_for_kotlin() or said


def aar() -> Path:
    """ONNX Runtime's archive for Android, after a look at its hash.

    Raises:
        ValueError: it is another file.
    """
    found = hashlib.sha256(AAR.read_bytes()).hexdigest()
    if found != AAR_SHA256:
        raise ValueError(f"{AAR}: SHA-256 {found}, {AAR_SHA256} is expected; run `make kotlin` again")
    return AAR


def digest(paths: Sequence[Path], *words: str) -> str:
    """A name for what is made from files and options: it changes when any of them does."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        total.update(f"\0{path.name}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:24]
