"""The report: records merged into one page without network, README's table, bars, and a comparison with older records."""
