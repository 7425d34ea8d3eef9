"""The package list, the console script ``wavefill``, and folders that hold a ``models.py`` of the user's own."""

import os
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

from benchmarks.command import PACKAGES, main
from models.__main__ import VERBS
from models.system.errors import note, run_main

ROOT = Path(__file__).parents[2]
OURS = ("models", "quantize", "export", "benchmarks")
RAISES = "raise RuntimeError('a file of the user was imported')\n"


def folders_with_code(root: Path) -> set[str]:
    """Every folder below our packages that holds a Python file, as a dotted name."""
    files = [path for package in OURS for path in (root / package).rglob("*.py")]
    return {".".join(path.parent.relative_to(root).parts) for path in files}


def listed(root: Path) -> set[str]:
    """What pyproject.toml puts into a wheel of the packages below ``root``."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]["find"]
    assert table.pop("namespaces") is False  # otherwise another function of setuptools would say what is found
    return set(find_packages(str(root), **table))


def test_every_folder_with_code_is_in_the_package_list():
    assert listed(ROOT) == folders_with_code(ROOT)
    assert "models.teacher.training" in listed(ROOT)


def test_a_folder_that_the_package_list_would_miss_is_seen(tmp_path):
    """Planted: a folder without __init__.py, which setuptools leaves out, and names that must stay out."""
    for package in (*OURS, "models/new", "parity_tests", "models_of_mine"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "models" / "forgotten").mkdir()
    (tmp_path / "models" / "forgotten" / "code.py").touch()
    assert folders_with_code(tmp_path) - listed(tmp_path) == {"models.forgotten"}
    assert listed(tmp_path) == {*OURS, "models.new"}


def python(*words, cwd, **environment):
    """A Python that finds this checkout's packages, started in a folder of the user's."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


SHADOWS = {
    "module": "{name}.py",
    "package": "{name}/__init__.py",
}


@pytest.mark.parametrize("shadow", SHADOWS)
@pytest.mark.parametrize("package", OURS[1:])
def test_packages_refuse_to_start_beside_a_users_module(tmp_path, package, shadow):
    """Each package before it on the arrow, in turn, is something of the user's: one line, exit code 2, and it was not run."""
    for name in OURS[: OURS.index(package)]:
        folder = tmp_path / name
        path = folder / SHADOWS[shadow].format(name=name)
        path.parent.mkdir(parents=True)
        path.write_text(RAISES, encoding="utf-8")
        done = python("-m", package, "--help", cwd=folder)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr == (
            f"wavefill: error: {path}: has the name of wavefill's package {name!r} and comes before it on the import path; "
            "use the command `wavefill`, or start from another folder\n"
        )


def test_a_users_folder_without_init_is_no_obstacle_unless_python_takes_it(tmp_path):
    """A plain folder ``models/`` is common beside photos. Python prefers a real package, so it must not stop us."""
    (tmp_path / "models").mkdir()
    done = python("-m", "quantize", "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    foreign = runpy.run_path(str(ROOT / "models" / "system" / "own_names.py"))["foreign"]
    assert foreign("models", ROOT) is None
    assert foreign("models", tmp_path) == ROOT / "models" / "__init__.py"
    assert foreign("no_package_has_this_name", tmp_path) is None
    # Ours being found only after the import path, as an editable installation's packages are, Python takes the folder.
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['foreign']('models'))"
    words = ("-P", "-c", code, str(ROOT / "models" / "system" / "own_names.py"))
    assert python(*words, cwd=ROOT / "docs", PYTHONPATH=str(tmp_path)).stdout == f"{tmp_path / 'models'}\n"


def test_the_command_and_its_children_do_not_import_a_users_modules(tmp_path):
    for name in OURS:
        (tmp_path / f"{name}.py").write_text(RAISES, encoding="utf-8")
    # As the console script does it: its folder, not the working directory, is first on the path.
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "wavefill"
    script.write_text(
        "import subprocess, sys\nfrom benchmarks.command import run\nassert run() == 0\n"
        "sys.exit(subprocess.run([sys.executable, '-m', 'models', '--help']).returncode)\n",
        encoding="utf-8",
    )
    done = python(str(script), "masks", "--out", "masks.npz", "--size", "16", "--count", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "RuntimeError" not in done.stderr
    assert "usage: python -m models" in done.stdout
    assert (tmp_path / "masks.npz").is_file()
    hidden = python("-m", "models", "--help", cwd=tmp_path)  # without the command: what it protects from
    assert "a file of the user was imported" in hidden.stderr


def test_the_command_says_what_is_in_the_way_on_pythonpath(tmp_path):
    (tmp_path / "models.py").write_text(RAISES, encoding="utf-8")
    code = "import sys; from benchmarks.command import run; sys.exit(run())"
    done = python(
        "-c", code, "info", cwd=ROOT / "docs", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]), PYTHONSAFEPATH="1"
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"wavefill: error: {tmp_path / 'models.py'}: has the name of")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def started(monkeypatch, capsys):
    """Runs ``wavefill ARGUMENTS`` in this process: exit code, stdout, stderr."""

    def call(*arguments, name="/home/me/.venv/bin/wavefill"):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        capsys.readouterr()
        try:
            code = run_main(main)
        except SystemExit as stop:
            code = stop.code
        return (code, *capsys.readouterr())

    return call


def test_help_lists_every_verb(started):
    code, out, _ = started("--help")
    assert code == 0
    first_words = {line.split()[0] for line in out.splitlines() if line.startswith("    ")}
    assert {*VERBS, *PACKAGES} <= first_words
    assert set(VERBS) & set(PACKAGES) == set()


@pytest.mark.parametrize(
    "verb", [(), ("info",), ("train",), ("teacher", "errors"), ("quantize",), ("export", "coreml"), ("benchmarks",)]
)
def test_help_says_wavefill(started, verb):
    code, out, _ = started(*verb, "--help")
    assert code == 0
    assert out.startswith(" ".join(["usage: wavefill", *verb, ""]))
    assert " -m " not in out
    if verb:  # the same help where it was not started so
        module, words = ("models", verb) if verb[0] in VERBS else (verb[0], verb[1:])
        _, out, _ = started(*verb, "--help", name=f"{module}/__main__.py")
        assert out.startswith(" ".join([f"usage: python -m {module}", *words, ""]))
        assert f"\n  python -m {module} " in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "the following arguments are required: VERB (see wavefill --help)"),
        (("paint",), "invalid choice: 'paint'"),
        (("--json", "info"), "unrecognized arguments: --json"),
        (("export", "tensorflow"), "(see wavefill export --help)"),
        (("inpaint", "--nonsense"), "(see wavefill inpaint --help)"),
        (("benchmarks",), "(see wavefill benchmarks --help)"),
        (("--", "info"), "(see wavefill --help)"),
    ],
)
def test_wrong_verbs_are_one_line(started, words, said):
    code, out, err = started(*words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


WRITTEN = "made by python -m models teacher generate, run by python -m export or `python -m models inpaint`"


@pytest.mark.parametrize(
    ("started_as", "said"),
    [
        ("/home/me/.venv/bin/wavefill", "made by wavefill teacher generate, run by wavefill export or `wavefill inpaint`"),
        ("models/__main__.py", WRITTEN),
        ("", WRITTEN),
    ],
)
def test_messages_name_the_command_that_works_here(monkeypatch, capsys, started_as, said):
    """An error or a note that tells what to type tells it for the way this program was started."""

    def fails(_):
        note(WRITTEN)
        raise ValueError(WRITTEN)

    monkeypatch.setattr(sys, "argv", [started_as])
    assert run_main(fails) == 2
    assert capsys.readouterr().err == f"wavefill: note: {said}\nwavefill: error: {said}\n"
