"""Pictures in HTML: images with a line below, in rows that wrap."""

import base64
import html
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_contrastive.visualization.figure import one_line

SMALL = 64  # pixels: smaller pictures are enlarged without blur
QUALITY = 85


class Picture(NamedTuple):
    """A picture of a row.

    Attributes:
        pixels: Array, shape `(height, width, 3)`, uint8.
        title: String below it.
        kind: `""`, `"query"` or `"right"`, the kind of mark.
    """

    pixels: np.ndarray
    title: str
    kind: str = ""


def escape(text: object) -> str:
    """A text of a user as HTML, for content and for quoted attributes."""
    return html.escape(one_line(text), quote=True)


def encode(pixels: np.ndarray, quality: int = QUALITY) -> str:
    """A `data:` address of a picture: PNG if it is small, otherwise JPEG."""
    from PIL import Image  # comes with matplotlib

    file, small = io.BytesIO(), max(pixels.shape[:2]) <= SMALL
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if small:
        image.save(file, "png", optimize=True)
    else:
        image.save(file, "jpeg", quality=quality)
    content = base64.b64encode(file.getvalue()).decode()
    return f"data:image/{'png' if small else 'jpeg'};base64,{content}"


def picture(shown: Picture) -> str:
    """A `<figure>` element."""
    classes = [shown.kind] if shown.kind else []
    if max(shown.pixels.shape[:2]) <= SMALL:
        classes.append("small")
    title = escape(shown.title)
    mark = "✓ " if shown.kind == "right" else ""
    return (
        f'<figure class="{" ".join(classes)}">'
        f'<img alt="{title}" src="{encode(shown.pixels)}">'
        f'<figcaption title="{title}">{mark}{title}</figcaption></figure>'
    )


def row(pictures: Sequence[Picture]) -> str:
    """Pictures side by side, and in several lines on a narrow screen."""
    return f'<div class="row">{"".join(map(picture, pictures))}</div>'
