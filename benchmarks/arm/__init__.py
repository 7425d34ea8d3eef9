"""ARM without a phone: artefacts on emulated ARM processors, compared with this host's, and counted in instructions."""
