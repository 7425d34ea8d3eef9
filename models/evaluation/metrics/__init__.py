"""How good a fill is: distances to the photo, energies of its detail, distances in a network's features, distributions."""
