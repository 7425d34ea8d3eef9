"""Tests of ``models.features``."""
