"""Tests of ``export.artifact.folder``."""
