"""Compiles Kotlin for the JVM and for Android; what was compiled once from the same files is taken from ``.cache/android``."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from android_demo.packaging.places import CACHE, COMPILER, DEMO, JUNIT, aar, digest

OPTIONS = (
    "-Werror",  # warnings are errors, as in Python
    "-no-reflect",
    *("-jvm-target", "1.8"),  # what Android's tools of Debian take
    "-Xlambdas=class",  # they do not take invokedynamic
    "-Xsam-conversions=class",
    "-Xstring-concat=inline",
)
# The first of the JVM's two compilers only: a short run is over before the second pays.
_JVM = ("-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_LIMIT_S = 900
_KEPT = 12
"""JARs that stay in the cache: those used last."""


LIBRARY = COMPILER / "kotlin-stdlib.jar"
"""Kotlin's own library, which everything that was compiled needs beside it."""


def compiled(
    sources: Sequence[Path], class_path: Sequence[Path] = (), *, android: bool = False, friend: Path | None = None
) -> Path:
    """A JAR of Kotlin files.

    Args:
        sources: the files.
        class_path: JARs that they use.
        android: they use Android's stubs in place of Java's classes.
        friend: one of ``class_path`` whose internal names they may use, as tests do.

    Raises:
        RuntimeError: the compiler refuses them; the message is its own.
    """
    sources, class_path = sorted(sources), [*class_path, LIBRARY]
    # Java 8's classes and no newer ones: Android 8 has those.
    options = [*OPTIONS, "-no-stdlib", "-no-jdk" if android else "-Xjdk-release=8"]
    # The compiler's version decides, too: its package's lock file says which.
    jar = CACHE / "kotlin" / f"{digest([*sources, *class_path, COMPILER.parents[2] / 'package-lock.json'], *options)}.jar"
    if jar.is_file():
        jar.touch()  # those used last stay, not those made last
        return jar
    jar.parent.mkdir(parents=True, exist_ok=True)
    with jar.with_suffix(".lock").open("w") as lock, tempfile.TemporaryDirectory(dir=jar.parent) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in several processes want the same JAR: one compiles, the others wait
        if jar.is_file():
            return jar
        made = Path(folder) / jar.name
        arguments = [*options, *([f"-Xfriend-paths={friend}"] if friend else [])]
        arguments += ["-cp", os.pathsep.join(map(str, class_path)), "-d", made, *sources]
        java = ["java", *_JVM, "-cp", COMPILER / "kotlin-compiler.jar", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"]
        command = [*map(str, java), "-kotlin-home", str(COMPILER.parent), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        made.replace(jar)
        for old in sorted(jar.parent.glob("*.jar"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".lock").unlink(missing_ok=True)
    return jar


def runtime_classes() -> Path:
    """The Java classes of ONNX Runtime, out of its archive."""
    archive = aar()
    place = CACHE / "aar" / digest([archive]) / "classes.jar"
    if not place.is_file():
        unpacked(archive, ["classes.jar"], place.parent)
    return place


def unpacked(archive: Path, names: Sequence[str], folder: Path) -> None:
    """Files out of a ZIP; each appears whole or not at all."""
    with zipfile.ZipFile(archive) as packed:
        for name in names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(name) as source, tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as made:
                shutil.copyfileobj(source, made)
            Path(made.name).replace(target)


def core() -> Path:
    """The core as a JAR: for Android and for a desktop's Java."""
    return compiled(list((DEMO / "core" / "src" / "main" / "kotlin").rglob("*.kt")), [runtime_classes()])


def core_tests() -> Path:
    """The core's tests as a JAR."""
    used = [core(), runtime_classes(), COMPILER / "kotlin-test.jar", COMPILER / "kotlin-test-junit.jar", *JUNIT]
    return compiled(list((DEMO / "core" / "src" / "test" / "kotlin").rglob("*.kt")), used, friend=core())
