"""Tests of ``models.losses``."""
