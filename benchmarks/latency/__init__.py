"""Latency: candidates in processes of their own, rounds interleaved. ``command`` is the entry, ``worker`` what a process runs."""
