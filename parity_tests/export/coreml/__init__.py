"""Tests of ``export.coreml``."""
