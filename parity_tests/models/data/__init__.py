"""Tests of ``models.data``."""
