"""Tests of ``models.photo``."""
