"""Every import of our own modules leads somewhere, those inside functions too, which no other test may happen to run."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("models", "quantize", "export", "benchmarks", "parity_tests")


def leads_nowhere(source: str, root: Path) -> list[str]:
    """Imports of our modules in a file's text whose module or name is not below a folder."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            pairs = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            pairs = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        found += [f"{module} {name or ''}".strip() for module, name in pairs if not exists(module, name, root)]
    return found


def exists(module: str, name: str | None, root: Path) -> bool:
    """Whether a module is there, and a name in it: as a module of its own, or as a word of its text."""
    parts = module.split(".")
    if parts[0] not in OURS:
        return True
    place = root.joinpath(*parts)
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    if not file.is_file():
        return False
    if name is None or (place / f"{name}.py").is_file() or (place / (name or "") / "__init__.py").is_file():
        return True
    return re.search(rf"\b{re.escape(name)}\b", file.read_text(encoding="utf-8")) is not None


def test_every_import_leads_somewhere():
    files = [path for package in OURS for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts]
    assert len(files) > 400
    nowhere = {str(path.relative_to(ROOT)): leads_nowhere(path.read_text(encoding="utf-8"), ROOT) for path in files}
    assert {file: imports for file, imports in nowhere.items() if imports} == {}


def test_an_import_inside_a_function_of_a_module_that_moved_is_found():
    lines = ("from parity_tests.support import coreml_cells", "import models.gone", "from models.spec import ModelSpec, Gone")
    planted = "def make():\n" + "".join(f"    {line}\n" for line in lines)
    expected = ["parity_tests.support coreml_cells", "models.gone", "models.spec Gone"]
    assert leads_nowhere(planted, ROOT) == expected
