"""One file for each verb of ``python -m models teacher``."""
