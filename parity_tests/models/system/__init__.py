"""Tests of ``models.system``."""
