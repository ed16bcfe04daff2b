"""Six pictures, each identified by its gray level."""

import io

import numpy as np
from PIL import Image

COUNT = 6
GRAYS = [20 * number for number in range(1, COUNT + 1)]
CAPTIONS = [f"picture {number}" for number in range(COUNT)]
CLASSES = ["dark", "dark", "middle", "middle", "bright", "bright"]
CLASS_NAMES = ["bright", "dark", "middle"]
LABELS = [1, 1, 2, 2, 0, 0]


def array(gray, size=(9, 6)):
    return np.full((*size, 3), gray, "uint8")


def png(gray):
    stream = io.BytesIO()
    Image.fromarray(array(gray)).save(stream, "PNG")
    return stream.getvalue()


def write_files(folder):
    """Writes the files 0.png, 1.png, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, gray in enumerate(GRAYS):
        (folder / f"{number}.png").write_bytes(png(gray))


def grays_of(images):
    return [int(image.mean()) for image in images]
