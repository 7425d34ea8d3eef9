"""Rows of text as an HTML table: whatever a record says is text in it."""

from collections.abc import Sequence
from html import escape


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table; ``heads`` names its columns."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
