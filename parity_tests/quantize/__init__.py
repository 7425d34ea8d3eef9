"""Tests of ``quantize``."""
