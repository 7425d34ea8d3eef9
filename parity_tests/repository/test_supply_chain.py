"""Nothing is installed or run that could be exchanged under its name: every pin has a hash, every action is a commit."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / ".ci").glob("*.txt"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def unpinned_actions(text):
    """``uses:`` lines that name a tag or a branch."""
    used = re.findall(r"^\s*(?:- )?uses:\s*(\S+)", text, flags=re.MULTILINE)
    return [action for action in used if not action.startswith("./") and not re.search(r"@[0-9a-f]{40}$", action)]


def unhashed_pins(text):
    """Requirements without an exact version or without a hash."""
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [line for line in lines if line.strip() and not (re.match(r"[\w.\[\]-]+==\S+", line) and "--hash=sha256:" in line)]


def unchecked_installs(text):
    """Commands that let pip install what no lock file names, but for the project itself."""
    commands = [
        line for line in re.sub(r"\\\n\s*", " ", text).splitlines() if re.search(r"\bpip\b.*\binstall\b|pip\[@\].*install", line)
    ]
    return [c for c in commands if "--require-hashes" not in c and not ("--editable ." in c and "--no-deps" in c)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path):
    assert unpinned_actions(path.read_text(encoding="utf-8")) == []


def test_an_action_by_tag_is_seen():
    text = f"    steps:\n      - uses: actions/checkout@v4\n      - uses: a/b@{'0' * 40} # v1\n"
    assert unpinned_actions(text) == ["actions/checkout@v4"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash(path):
    text = path.read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert unhashed_pins(text) == []


@pytest.mark.parametrize("line", ["onnx==1.2", "onnx>=1.2 --hash=sha256:00", "onnx --hash=sha256:00"])
def test_a_pin_without_a_hash_or_a_version_is_seen(line):
    assert unhashed_pins(f"a==1 \\\n    --hash=sha256:00\n    # via b\n{line}\n") == [line]


@pytest.mark.parametrize("name", ["Makefile", ".ci/install", ".ci/run", *(str(path.relative_to(ROOT)) for path in WORKFLOWS)])
def test_every_install_checks_hashes(name):
    assert unchecked_installs((ROOT / name).read_text(encoding="utf-8")) == []


def test_an_install_without_hashes_is_seen():
    assert unchecked_installs(".venv/bin/pip install torch\n") == [".venv/bin/pip install torch"]
    assert unchecked_installs('"${pip[@]}" install --quiet torch\n') != []


def test_direct_dependencies_are_in_the_lock_file():
    """A package added to pyproject.toml without `make lock` would be missing on a fresh machine."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    locked = {
        name.lower().replace("_", "-")
        for name in re.findall(r"^([\w.-]+)==", (ROOT / ".ci/constraints.txt").read_text(), re.MULTILINE)
    }
    pinned = [re.match(r"([\w.-]+)==", one) for extra in extras.values() for one in extra]
    wanted = {found.group(1).lower().replace("_", "-") for found in pinned if found}
    assert {"torch", "patchmatch-cython"} <= wanted
    assert wanted - locked == set()
