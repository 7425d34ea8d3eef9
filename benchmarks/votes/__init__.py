"""Votes: a page that asks people which of two fills looks more natural, and what their answers say."""
