"""Tests of ``benchmarks.arm``."""
