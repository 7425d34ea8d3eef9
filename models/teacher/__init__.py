"""Diffusion teachers: samplers of the restoration literature over one denoiser. They make training data and are never shipped.

Nothing outside this package imports it, but for the command line: exporting and running the student needs none of it.
"""
