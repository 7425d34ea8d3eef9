"""Tests of ``export.onnx``."""
