"""Damaged and hostile files for everything that reads foreign bytes: ``python -m parity_tests.fuzz`` (``make fuzz``)."""
