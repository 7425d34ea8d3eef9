"""A phone on a cable: ``device`` talks to it, ``runner`` is what the program on it keeps to, ``command`` is the entry."""
