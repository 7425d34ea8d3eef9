"""Fills against true photos: the protocol, measures, classical baselines, reports and contact sheets."""
