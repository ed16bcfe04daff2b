"""A map of images as part of an HTML page, drawn by plotly.js."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
PIXELS = 9_000_000  # of all thumbnails, some 3 MB
LARGEST, SMALLEST = 96, 32  # pixels per side of a thumbnail
BLOCK = 16  # pixels that JPEG encodes together
QUALITY = 75


def is_available() -> bool:
    """Whether plotly is installed, with its dependencies."""
    try:
        import plotly.offline  # noqa: F401
    except ImportError:
        return False
    return True


def interactive_map(data: Mapping[str, Any], pictures: np.ndarray) -> str:
    """The elements of the map, with its program and its data.

    Args:
        data: Dict for map.js: names, layouts, columns and neighbors; for a
            search also sentences and the images that they find.
        pictures: Array, shape `(n, height, width, 3)`, uint8.

    Raises:
        ImportError: If plotly isn't installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError(
            "The interactive map needs plotly: "
            "pip install 'keras_contrastive[report]'."
        ) from error
    columns = int(np.ceil(np.sqrt(len(pictures))))
    content = json.dumps({**data, "sprite": columns}, separators=(",", ":"))
    html, style, program = (
        (FOLDER / f"map.{suffix}").read_text(encoding="utf-8")
        for suffix in ("html", "css", "js")
    )
    # Names and captions of users occur only in the data, where no `<` can end
    # the element. The program inserts them as text.
    content = content.replace("<", "\\u003c")
    return (
        f"<style>{style}.map-thumb {{ background-image: "
        f"url({sprite(pictures, columns)}); }}</style>{html}"
        f'<script type="application/json" id="map-data">{content}</script>'
        f"<script>{get_plotlyjs()}</script><script>{program}</script>"
    )


def sprite(pictures: np.ndarray, columns: int) -> str:
    """All pictures on one sheet, as the `data:` address of a JPEG."""
    from PIL import Image

    size = int(np.sqrt(PIXELS / len(pictures)))
    size = min(LARGEST, max(SMALLEST, size)) // BLOCK * BLOCK
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * size, rows * size))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        thumbnail = Image.fromarray(np.ascontiguousarray(picture))
        sheet.paste(thumbnail.resize((size, size)), (column * size, row * size))
    file = io.BytesIO()
    sheet.save(file, "jpeg", quality=QUALITY)
    content = base64.b64encode(file.getvalue()).decode()
    return f"data:image/jpeg;base64,{content}"
