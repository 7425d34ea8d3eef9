"""Tests of ``export.litert``."""
