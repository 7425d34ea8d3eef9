"""Compute stand-ins: networks of the published shapes of other inpainters, with random weights. See ``table.STANDINS``."""
