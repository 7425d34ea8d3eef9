"""The repository itself: imports, packages, wheels, supply chain."""
