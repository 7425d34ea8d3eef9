"""models -> quantize -> export -> { parity_tests, benchmarks }: nothing points back, and nothing heavy is imported early."""

import ast
import subprocess
import sys
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import models

ROOT = Path(__file__).parents[2]
ORDER = ("models", "quantize", "export", "benchmarks", "parity_tests")
TOOLKITS = {"onnx", "onnx_ir", "onnxscript", "onnxruntime"}
TOOLKITS |= {"coremltools", "litert_torch", "ai_edge_litert", "torchao", "tensorflow"}


def modules(*packages):
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def imported_at_module_level(source: str) -> set[str]:
    """First names of everything imported when the module is imported, type-checking blocks included, function bodies not."""
    found, queue = set(), list(ast.parse(source).body)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add((node.module or "").split(".")[0])
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            queue.extend(ast.iter_child_nodes(node))
    return found


def type_checking_removed(source: str) -> str:
    """The source without its ``if TYPE_CHECKING`` blocks, which are never run."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")]
    return ast.unparse(tree)


def forbidden(paths, names, *, checked_types=True) -> dict[str, set[str]]:
    """Each file that imports at module level what ``names(its package)`` holds, with what it imports."""
    found = {}
    for path in paths:
        source = path.read_text(encoding="utf-8")
        imported = imported_at_module_level(source if checked_types else type_checking_removed(source))
        if wrong := imported & names(path.relative_to(ROOT).parts[0]):
            found[path.relative_to(ROOT).as_posix()] = wrong
    return found


def test_nothing_points_back():
    assert forbidden(modules(*ORDER), lambda package: set(ORDER[ORDER.index(package) + 1 :])) == {}


def test_toolkits_are_imported_inside_functions():
    assert forbidden(modules("models", "export", "benchmarks"), lambda _: TOOLKITS, checked_types=False) == {}


def test_the_loops_over_files_name_the_file():
    """Planted: this very file, by a rule that it breaks, among others that keep it."""
    here = Path(__file__)
    assert forbidden([here, here.with_name("__init__.py")], lambda _: {"ast", "onnx"}) == {
        "parity_tests/repository/test_import_arrow.py": {"ast"}
    }
    assert all(len(modules(package)) > 5 for package in ORDER), "nothing was read"


def test_the_reader_of_imports_sees_what_it_should():
    """Planted: each of these must be found, and the one inside a function must not."""
    source = "import export.x\nfrom quantize import y\nif True:\n    import onnx\n"
    source += "try:\n    import torchao\nexcept ImportError:\n    pass\n"
    source += "class A:\n    import coremltools\ndef f():\n    import benchmarks\n"
    assert imported_at_module_level(source) == {"export", "quantize", "onnx", "torchao", "coremltools"}


def test_packages_are_ours():
    """`models`, `export`, `quantize` and `benchmarks` are names that other distributions use too."""
    for name in ORDER[:4]:
        assert Path(__import__(name).__file__).parent == ROOT / name
    assert Path(models.__file__) == ROOT / "models" / "__init__.py"


def graph() -> dict[str, set[str]]:
    """Which of our modules import which others, function bodies included; blocks for type checkers are no imports."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in modules(*ORDER)}
    return {name: own_imports(path.read_text(encoding="utf-8"), names.keys()) - {name} for name, path in names.items()}


def own_imports(source: str, names: Collection[str]) -> set[str]:
    """Modules among ``names`` that a source imports anywhere."""
    found, queue = set(), list(ast.parse(source).body)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {full if full in names else node.module for full in inside.values()} & set(names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            queue += node.orelse
        else:
            queue += ast.iter_child_nodes(node)
    return found


def test_no_import_cycle():
    """No module needs itself, not even through an import that waits inside a function."""
    order = list(TopologicalSorter(graph()).static_order())  # raises CycleError, which names the cycle
    assert len(order) > 200, "nothing was read"


def test_data_and_losses_know_no_trainer():
    """Photos, masks and losses are used by evaluations, benchmarks and teachers, too; nobody but commands knows the student."""
    found = graph()
    trainers = {name for name in found if name.startswith(("models.training.", "models.teacher.training."))}
    rooms = {name for name in found if name.startswith(("models.data.", "models.losses.", "models.fill.", "models.photo."))}
    assert {name: found[name] & trainers for name in rooms if found[name] & trainers} == {}
    teachers = {name for name in found if name.startswith("models.teacher.")}
    student = {"models.training.student", "models.training.state", "models.training.batches", "models.commands.train"}
    assert {name: found[name] & student for name in teachers if found[name] & student} == {}
    assert found["models.commands.train"] & trainers, "planted: the command does know them"


def test_the_cycle_check_sees_lazy_imports():
    """Planted: a cycle that is closed inside a function, and one that only a type checker sees."""
    sources = {"a": "import b", "b": "def f():\n    from a import x", "c": "if TYPE_CHECKING:\n    import d", "d": "import c"}
    found = {name: own_imports(source, sources) for name, source in sources.items()}
    assert found == {"a": {"b"}, "b": {"a"}, "c": set(), "d": {"c"}}
    with pytest.raises(CycleError):
        list(TopologicalSorter(found).static_order())


BY_NAME = ("import_module(", "__import__(", "spec_from_file_location(")
"""Ways round the arrow: an import that no reader of imports can see."""


def test_nothing_is_imported_by_a_name_in_a_text():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in modules("models", "quantize", "export", "benchmarks")
        if any(way in path.read_text(encoding="utf-8") for way in BY_NAME)
    }
    assert found == {"models/system/privacy.py"}, "that one is the only door to ONNX Runtime, and takes a submodule's name"


def test_filling_a_photo_needs_no_pytorch():
    """Everything that makes a photo of any size out of a network of one size, and what runs an artefact."""
    code = "import sys; sys.modules['torch'] = None; import models.fill.windows, models.photo.write, export.commands.inpaint"
    python(code)
    with pytest.raises(subprocess.CalledProcessError):  # planted: the blocked import is felt
        python(f"{code}, models.runner")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_import_export_is_light():
    """No PyTorch, no toolkit, no trainer: only numpy, for the types, and what keeps runtimes from reporting home."""
    loaded = set(python("import export, sys; print(*sys.modules)").split())
    heavy = {name for name in loaded if name.split(".")[0] in {*TOOLKITS, "torch", "quantize", "models", "benchmarks"}}
    assert heavy == set()


def test_tables_need_no_toolkit():
    loaded = set(python("import export.backends, export.matrix, benchmarks.table, sys; print(*sys.modules)").split())
    assert {name for name in loaded if name.split(".")[0] in TOOLKITS} == set()
    # The training benchmark's rows are configurations; what trains is imported when it runs.
    assert {name for name in loaded if name.startswith(("models.commands.train", "models.training."))} <= {
        "models.training.config",
        "models.training.run_config",
    }


def test_exporting_needs_no_trainer():
    trainers = ("accelerate", "tensorboard", "torchmetrics", "diffusers", "webdataset")
    loaded = set(python("import export.backends, export.matrix, export.artifact.verify, sys; print(*sys.modules)").split())
    ours = ("models.commands.train", "models.training", "models.teacher")
    assert {name for name in loaded if name.split(".")[0] in trainers or name.startswith(ours)} == set()
    planted = set(python("import models.training.engine, sys; print(*sys.modules)").split())
    assert "accelerate" in planted


def test_samplers_need_no_diffusers():
    """Only a denoiser's folder does: samplers, blending and the error table run on the default install and SciPy."""
    ours = "models.teacher.samplers, models.teacher.restore, models.teacher.commands.errors_table"
    loaded = set(python(f"import {ours}, sys; print(*sys.modules)").split())
    assert {name for name in loaded if name.split(".")[0] in ("diffusers", "accelerate", "webdataset", "scipy")} == set()
