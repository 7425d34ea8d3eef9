"""Verbs of ``python -m quantize``, one file each."""
