"""Figures as SVG that follows the colors of its page."""

import contextlib
import io
import re
from collections.abc import Iterator
from typing import Any

# Drawn instead of black, and replaced by the color of the page's text.
INK = "#010203"
INKED = (
    "text.color",
    "axes.edgecolor",
    "axes.labelcolor",
    "axes.titlecolor",
    "xtick.color",
    "ytick.color",
    "legend.labelcolor",
)


@contextlib.contextmanager
def themed() -> Iterator[None]:
    """A context in which to draw figures for `to_svg`."""
    from matplotlib import rc_context

    # Text stays text, so that it can be selected and takes less space.
    with rc_context({**dict.fromkeys(INKED, INK), "svg.fonttype": "none"}):
        yield


def to_svg(figure: Any, label: str) -> str:
    """An `<svg>` element of a figure that was drawn in `themed`.

    Args:
        figure: A `matplotlib.figure.Figure`.
        label: A description for screen readers, as HTML.
    """
    file = io.StringIO()
    with themed():
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None}
        )
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # The page determines the size.
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    # An identifier may occur once in a page.
    svg = re.sub(r'<g id="\w+"', "<g", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
