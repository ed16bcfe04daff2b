"""Small photographs in the file layouts of Flickr30k."""

import json

import numpy as np
from PIL import Image


def name_of(number):
    return f"{100 + number}.jpg"


def captions_of(number):
    return tuple(f"caption {k} of {number} ." for k in range(5))


def write_photograph(path, number, size=(24, 20)):
    """Writes a single color, which `number_of` recognizes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), 10 * number, "uint8")
    Image.fromarray(pixels).save(path, quality=95)


def number_of(image):
    return int(np.rint(np.median(image) / 10))


def write_photographs(folder, count):
    for number in range(count):
        write_photograph(folder / name_of(number), number)


def write_token_file(path, count):
    lines = [
        f"{name_of(number)}#{k}\t{caption}"
        for number in range(count)
        for k, caption in enumerate(captions_of(number))
    ]
    path.write_text("\n".join(lines) + "\n")


def write_csv_file(path, count):
    lines = ["image_name| comment_number| comment"]
    lines += [
        f"{name_of(number)}| {k}| {caption}"
        for number in range(count)
        for k, caption in enumerate(captions_of(number))
    ]
    path.write_text("\n".join(lines) + "\n")


def write_split_file(path, splits):
    images = [
        {
            "filename": name_of(number),
            "imgid": 7 * number,
            "split": split,
            "sentences": [{"raw": text} for text in captions_of(number)],
        }
        for number, split in enumerate(splits)
    ]
    path.write_text(json.dumps({"images": images, "dataset": "flickr30k"}))


def truncate(path):
    path.write_bytes(path.read_bytes()[:400])
