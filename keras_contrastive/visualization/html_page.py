"""One HTML file, which follows the reader's light or dark theme."""

import html
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.visualization.html_pictures import escape

FOLDER = Path(__file__).parent
# The browser loads nothing from outside of the file.
POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'unsafe-eval'"
)


def html_page(
    path: str | Path, title: str, summary: str, parts: Sequence[str]
) -> Path:
    """Writes the page.

    Args:
        path: Path of the file.
        title: String.
        summary: A line below the title.
        parts: List of HTML elements.
    """
    content = html_text(title, summary, parts)
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", errors="xmlcharrefreplace")
    return path


def html_text(
    title: str, summary: str, parts: Sequence[str], policy: str = POLICY
) -> str:
    """The content of a page, see `html_page`.

    Args:
        title: String.
        summary: A line below the title.
        parts: List of HTML elements.
        policy: The page's Content-Security-Policy.
    """
    style = (FOLDER / "report.css").read_text(encoding="utf-8")
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{style}</style></head>",
        f"<body><h1>{escape(title)}</h1>",
        f'<p class="summary">{escape(summary)}</p>',
        *parts,
        "</body></html>\n",
    ]
    return "\n".join(lines)


def section(heading: str, content: str, note: str = "") -> str:
    """A heading, an explanation of the content, and the content, as HTML."""
    below = f'<p class="note">{html.escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(heading)}</h2>{below}{content}</section>"


def table(entries: Mapping[str, Any]) -> str:
    """A table of names and values."""
    return rows([[name, value] for name, value in entries.items()])


def rows(
    content: Sequence[Sequence[Any]], head: Sequence[str] | None = None
) -> str:
    """A table of rows; floats have four digits, `None` is left empty."""
    above = "".join(f"<th>{escape(name)}</th>" for name in head or [])
    lines = "".join(f"<tr>{''.join(map(cell, line))}</tr>" for line in content)
    above = f"<tr>{above}</tr>" if above else ""
    return f'<div class="wide"><table>{above}{lines}</table></div>'


def cell(value: Any) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, float | np.floating):
        return f'<td class="number">{value:.4g}</td>'
    return f"<td>{escape(value)}</td>"
