"""Damaged files, kills and soaking."""
