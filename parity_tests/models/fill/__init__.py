"""Tests of ``models.fill``."""
