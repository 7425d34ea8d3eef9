"""One file for each verb of ``python -m export``."""
