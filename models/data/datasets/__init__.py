"""Layouts of public data sets, and the table of them."""
