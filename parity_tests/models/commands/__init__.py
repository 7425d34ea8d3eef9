"""Tests of ``models.commands``."""
