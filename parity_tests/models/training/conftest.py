"""What tests of whole steps and runs share."""

import pytest

from parity_tests.support.train_tiny import one_thread, register, write_smooth


@pytest.fixture(scope="module")
def tiny_presets():
    """The tiny network and its presets are in the tables, and sums are taken on one thread, so that bits can be compared."""
    with pytest.MonkeyPatch.context() as patch, one_thread():
        register(patch.setitem)
        yield


@pytest.fixture
def tiny(monkeypatch):
    """The tiny network and its presets are in the tables."""
    register(monkeypatch.setitem)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of smooth photos."""
    return write_smooth(tmp_path_factory.mktemp("photos"))
