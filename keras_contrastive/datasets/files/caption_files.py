"""Captions of images, from a table or from a text file beside each image."""

import os
from pathlib import Path

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.file_lookup import FileLookup
from keras_contrastive.datasets.files.table_rows import delimiter_of
from keras_contrastive.datasets.files.table_rows import fields_by_name
from keras_contrastive.datasets.files.table_rows import read_rows
from keras_contrastive.datasets.files.text_lines import read_lines


def read_texts(
    images: list[Path], texts: list[Path], bad_records: BadRecords
) -> dict[Path, list[str]]:
    """Reads the lines of `dog.txt` as the captions of `dog.jpg`.

    Args:
        images: List of `Path`s of images.
        texts: List of `Path`s of `.txt` files.
        bad_records: Counts bad lines.

    Returns:
        A dict from images to their captions, without images that have none.
    """
    lookup = FileLookup(texts)
    found = {}
    for image in images:
        path = lookup.find(image.with_suffix(".txt"))
        if path is None:
            continue
        lines = [line.strip() for _, line in read_lines(path, bad_records)]
        if any(lines):
            found[image] = [line for line in lines if line]
    return found


def read_table(
    path: Path, folder: Path, images: list[Path], bad_records: BadRecords
) -> dict[Path, list[str]]:
    """Reads captions from a file of delimited values.

    Args:
        path: Path of the file.
        folder: Folder that paths in the file are relative to.
        images: List of `Path`s of the folder's images.
        bad_records: Counts bad lines.

    Returns:
        A dict from images to their captions, without images that have none.

    Raises:
        ValueError: If there are no columns `image` and `caption`, or too many
            lines are not UTF-8.
    """
    lines = list(read_lines(path, bad_records))
    bad_records.check()
    delimiter = delimiter_of(path, lines)
    rows = read_rows(lines, delimiter)
    header = next((row.fields for row in rows), [])
    header = [name.strip() for name in header]
    if header.count("image") != 1 or header.count("caption") != 1:
        raise ValueError(
            "`captions` must have a first row with the names image and "
            f"caption. Received: {header} in {path}"
        )
    lookup = FileLookup(images)
    found: dict[Path, list[str]] = {}
    for row in rows:
        try:
            fields = fields_by_name(
                row, header, delimiter, "caption", {"image", "caption"}
            )
            image = _find(fields["image"], lookup, folder, path.parent)
        except ValueError as error:
            bad_records.add(f"{path}, line {row.number}", str(error))
            continue
        caption = fields["caption"].strip()
        if caption:
            found.setdefault(image, []).append(caption)
    return found


def _find(name, lookup, folder, captions_folder):
    """The image that `name` refers to; tries the likeliest folder first."""
    names = dict.fromkeys((name, name.strip(), name.strip().replace("\\", "/")))
    starts = (folder, captions_folder, os.curdir)
    paths = [
        os.path.join(start, os.path.expanduser(each))
        for start in starts
        for each in names
    ]
    image = lookup.find(paths[0]) or lookup.find(*paths)
    if image is None:
        # `folder` and `name` may reach the image by different symbolic links.
        real = os.path.realpath(folder)
        inside = [
            os.path.relpath(os.path.realpath(path), real) for path in paths
        ]
        image = lookup.find(*(os.path.join(folder, each) for each in inside))
    if image is None:
        raise ValueError(f"there is no image {name!r} in {folder}")
    return image
