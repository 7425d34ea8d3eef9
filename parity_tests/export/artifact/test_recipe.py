"""What the hash of an artefact's inputs covers: a file that takes part and is not in it would leave stale artefacts in place."""

import pytest

from export.artifact.recipe import ROOT, SOURCES, sources


@pytest.mark.parametrize("package", ["export", "quantize"])
def test_every_file_of_a_package_is_covered_in_folders_too(package):
    files = set((ROOT / package).rglob("*.py"))
    assert len(files) > 10, "nothing was read"
    assert files <= set(sources())


@pytest.mark.parametrize("pattern", SOURCES)
def test_every_pattern_names_a_file(pattern):
    assert list(ROOT.glob(pattern))
