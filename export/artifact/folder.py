"""Artifact: an immutable folder with one model, its manifest and SHA256SUMS; complete under its final name or not there.

SHA256SUMS is in the format of ``sha256sum -c``, sorted by name, and covers every other file, ``manifest.json`` included. The
hashes find accidents (a bad disk, a cut-off copy, a changed file), not attackers, who would write new ones.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.system.files import sha256
from models.system.foreign import MAX_JSON_BYTES, read_bytes
from models.system.temporary import give_usual_permissions, sweep, temporary_folder

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n\\]+)\n")


def artifact_name(spec: str, size: int, backend: str, scheme: str, io: str) -> str:
    """``<spec>-<size>-<backend>-<scheme>``, with ``-float`` after it for a bare core.

    Raises:
        ValueError: the spec's name, which comes from a checkpoint's header, would lead out of the folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", spec):
        raise ValueError(f"spec name {spec!r}: not usable in a folder's name")
    return f"{spec}-{size}-{backend}-{scheme}" + ("-float" if io == "float" else "")


def hash_files(folder: Path) -> dict[str, tuple[int, str]]:
    """Length and SHA-256 of every file under a folder, by sorted relative path with ``/``.

    Raises:
        ValueError: something in it is neither a plain file nor a folder (a link, a socket).
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path}: only plain files belong in an artefact")
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = (path.stat().st_size, sha256(path))
    return dict(sorted(found.items()))


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over everything else in the folder."""
    lines = (f"{digest}  {name}\n" for name, (_, digest) in hash_files(folder).items() if name != SUMS)
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> list[str]:
    """Compare SHA256SUMS with the files; one line for each thing that is wrong, empty when all is well."""
    path = folder / SUMS
    if not path.is_file():
        return [f"{SUMS}: missing"]
    try:
        promised = parse_sums(read_bytes(path, MAX_JSON_BYTES).decode("utf-8"))
        found = {name: digest for name, (_, digest) in hash_files(folder).items() if name != SUMS}
    except ValueError as error:
        return [f"{SUMS}: {error}"]
    wrong = [f"{name}: missing" for name in promised.keys() - found.keys()]
    wrong += [f"{name}: not listed in {SUMS}" for name in found.keys() - promised.keys()]
    wrong += [
        f"{name}: content changed (SHA-256 differs)" for name in promised.keys() & found.keys() if promised[name] != found[name]
    ]
    return sorted(wrong)


def parse_sums(text: str) -> dict[str, str]:
    """Read the text of SHA256SUMS, strictly: exactly what :func:`write_sums` writes.

    Raises:
        ValueError: a malformed line, names out of order or twice, an empty file.
    """
    lines = text.splitlines(keepends=True)
    matches = [_LINE.fullmatch(line) for line in lines]
    if not lines or None in matches:
        raise ValueError("malformed" if lines else "empty")
    entries = [(match[2], match[1]) for match in matches if match]
    names = [name for name, _ in entries]
    if names != sorted(set(names)):
        raise ValueError("malformed (names out of order or twice)")
    return dict(entries)


def state(folder: Path) -> Mapping[str, str]:
    """Name to SHA-256 of every file, for comparing two artefacts."""
    return {name: digest for name, (_, digest) in hash_files(folder).items()}


@contextmanager
def staging(final: Path) -> Iterator[Path]:
    """A temporary folder beside ``final`` that takes its place when the block ends well, and vanishes when it does not.

    A previous artefact is renamed away, the new one renamed in, and only then the old one deleted; whatever interrupts that
    (an error, Ctrl-C) puts the old one back. After a kill in the middle, :func:`recover` does so.

    Raises:
        OSError: the folder cannot be written.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    recover(final)
    with temporary_folder(final) as temporary:
        yield temporary
        give_usual_permissions(temporary)
        _install(temporary, final)


def recover(final: Path) -> None:
    """Finish what a killed :func:`staging` left: the old artefact comes back, or goes, if the new one is in place; half-written
    ones go."""
    if not final.parent.is_dir():
        return
    sweep(final)
    old = _retired(final)
    if old.exists():
        if final.exists():
            shutil.rmtree(old)
        else:
            old.rename(final)


def _install(temporary: Path, final: Path) -> None:
    old = _retired(final)
    try:
        if final.exists():
            final.rename(old)
        temporary.rename(final)
    except BaseException:
        recover(final)
        raise
    if old.exists():
        shutil.rmtree(old)


def _retired(final: Path) -> Path:
    return final.with_name(f".{final.name}.previous")
