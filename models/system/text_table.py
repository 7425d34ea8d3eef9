"""A table of text for stdout: the one printer of every command that shows rows to people."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool] | None = None) -> str:
    """Columns padded with blanks, two blanks between them, none at the ends of lines.

    Args:
        heads: titles of the columns; empty for a table without titles.
        rows: cells, as many in each row as there are columns.
        right: for each column whether it is aligned to the right; default where all its cells begin with a digit.

    Returns:
        Its lines, without a line break at the end.
    """
    lines = [row for row in (heads, *rows) if row]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if right is None:
        right = [bool(rows) and all(row[i][:1].isdigit() for row in rows) for i in range(len(columns))]
    padded = (
        "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True)) for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)
