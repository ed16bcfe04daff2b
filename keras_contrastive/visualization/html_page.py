"""Figures and tables in one HTML file."""

import base64
import html
import io
from pathlib import Path

import numpy as np

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; }
h1, h2 { font-weight: 600; line-height: 1.2; }
h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; }
td { padding: .2rem 1.5rem .2rem 0; vertical-align: top;
     border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
     overflow-wrap: anywhere; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
img { max-width: 100%; box-sizing: border-box; padding: .6rem;
      border-radius: 6px; background: white; }
"""


def html_page(path, title, settings, numbers, pictures) -> Path:
    """Writes the page.

    Args:
        path: path of the file.
        title: string.
        settings: dict of the settings of the run.
        numbers: dict of the measured numbers.
        pictures: dict of `matplotlib.figure.Figure`s, by their headings.
    """
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>",
        f"<body><h1>{html.escape(title)}</h1>",
        table("Numbers", numbers),
        *(picture(name, figure) for name, figure in pictures.items()),
        table("Settings", settings),
        "</body></html>\n",
    ]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(parts), encoding="utf-8", errors="xmlcharrefreplace"
    )
    return path


def table(heading, entries):
    if not entries:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(str(name))}</td>{cell(value)}</tr>"
        for name, value in entries.items()
    )
    return f"<h2>{heading}</h2><table>{rows}</table>"


def cell(value):
    if isinstance(value, float | np.floating):
        return f'<td class="number">{value:.4g}</td>'
    return f"<td>{html.escape(str(value))}</td>"


def picture(heading, figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    data = base64.b64encode(file.getvalue()).decode()
    heading = html.escape(heading)
    return (
        f'<h2>{heading}</h2><img alt="{heading}" '
        f'src="data:image/png;base64,{data}">'
    )
