"""Tests of ``models.teacher``."""
