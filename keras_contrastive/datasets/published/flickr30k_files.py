"""Finds and parses the files that Flickr30k is distributed in."""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.text_lines import read_lines

IMAGE_FOLDERS = ("flickr30k_images", "flickr30k-images")
CAPTION_FILES = ("results_20130124.token", "results.csv")
SPLIT_FILE = "dataset_flickr30k.json"

INSTRUCTIONS = """\
Flickr30k must be downloaded manually, because its authors ask users to fill in
a form. Put into one folder:
- `flickr30k_images/` (or `flickr30k-images/`) with the photographs, and
  `results_20130124.token` with the captions, from
  https://shannon.cs.illinois.edu/DenotationGraph/ ; or the unpacked copy
  https://www.kaggle.com/datasets/hsankesara/flickr-image-dataset , whose
  captions are in `results.csv`;
- `dataset_flickr30k.json` with Karpathy's splits, on which results are
  reported, from
  https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip .
"""

_TOKEN_LINE = re.compile(r"(?P<name>[^#\t]+)#\d+\t(?P<caption>.+)")
# One line of Kaggle's file lacks the separator between number and caption.
_CSV_LINE = re.compile(r"(?P<name>[^|]+)\|\s*\d+\s*\|?(?P<caption>.+)")
_CSV_HEADER = re.compile(r"image_name\s*\|")


class Flickr30kFiles(NamedTuple):
    """Paths of the folder of images, the captions and the splits, if any."""

    images: Path
    captions: Path
    splits: Path | None


def find_files(data_dir: str | os.PathLike) -> Flickr30kFiles:
    """Finds the files, or raises an error that says what is missing."""
    root = Path(data_dir).expanduser()
    # Archives may be unpacked side by side, or nested as on Kaggle:
    # flickr30k_images/flickr30k_images/NAME.jpg, flickr30k_images/results.csv.
    folders = [root, *(root / name for name in ("flickr30k", *IMAGE_FOLDERS))]
    folders += [folder / IMAGE_FOLDERS[0] for folder in folders[1:3]]
    images = [
        folder
        for outer in folders
        for folder in (outer / name for name in IMAGE_FOLDERS)
        if folder.is_dir() and _has_images(folder)
    ]
    captions = [
        path
        for name in (*CAPTION_FILES, SPLIT_FILE)
        for path in (folder / name for folder in folders)
        if path.is_file()
    ]
    missing = []
    if not images:
        missing.append(" or ".join(f"{name}/*.jpg" for name in IMAGE_FOLDERS))
    if not captions:
        missing.append(" or ".join((*CAPTION_FILES, SPLIT_FILE)))
    if missing:
        looked = ", ".join(str(folder) for folder in folders)
        raise FileNotFoundError(
            f"There is no {', and no '.join(missing)} in {root} (looked in "
            f"{looked}).\n{INSTRUCTIONS}"
        )
    splits = [path for path in captions if path.name == SPLIT_FILE]
    return Flickr30kFiles(images[0], captions[0], splits[0] if splits else None)


def _has_images(folder):
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(".jpg") for entry in entries)


def read_captions(
    files: Flickr30kFiles, max_bad_fraction: float
) -> tuple[dict[str, list[str]], BadRecords]:
    """Reads the captions of each image name, and counts bad lines."""
    path = files.captions
    captions = {}
    if path.name == SPLIT_FILE:
        for image in _read_json(path):
            texts = (sentence["raw"].strip() for sentence in image["sentences"])
            captions[image["filename"]] = [text for text in texts if text]
        return captions, BadRecords(f"lines of {path}", 0, max_bad_fraction)

    pattern = _CSV_LINE if path.suffix == ".csv" else _TOKEN_LINE
    bad_records = BadRecords("lines cannot be parsed", 0, max_bad_fraction)
    for number, line in read_lines(path, bad_records):
        if not line.strip() or (number == 1 and _CSV_HEADER.match(line)):
            continue
        match = pattern.fullmatch(line.strip())
        caption = match["caption"].strip() if match else ""
        if match and caption:
            captions.setdefault(match["name"].strip(), []).append(caption)
        else:
            bad_records.add(f"{path}, line {number}", repr(line[:80]))
    bad_records.check()
    if not captions:
        raise ValueError(f"There are no captions in {path}.")
    return captions, bad_records


def read_splits(files: Flickr30kFiles) -> dict[str, tuple[int, str]] | None:
    """Reads the id and the split of each image name, if there are splits."""
    if files.splits is None:
        return None
    return {
        image["filename"]: (image.get("imgid", number), image["split"])
        for number, image in enumerate(_read_json(files.splits))
    }


def _read_json(path):
    try:
        images = json.loads(path.read_text(encoding="utf-8-sig"))["images"]
        names = set()
        for image in images:
            if not {"filename", "split", "sentences"} <= image.keys():
                raise KeyError(f"an image has only {sorted(image)}")
            texts = [sentence["raw"] for sentence in image["sentences"]]
            strings = [image["filename"], image["split"], *texts]
            if not all(isinstance(each, str) for each in strings):
                raise TypeError(f"not all are strings in {str(image)[:80]}")
            if type(image.get("imgid", 0)) is not int:
                raise TypeError(f"'imgid' is no integer in {str(image)[:80]}")
            if image["filename"] in names:
                raise ValueError(f"{image['filename']!r} occurs twice")
            names.add(image["filename"])
    # RecursionError: nested too deeply.
    except (
        *(ValueError, KeyError, TypeError, AttributeError),
        RecursionError,
    ) as error:
        raise ValueError(
            f"{path} is not Karpathy's file of splits, a JSON object with a "
            "list 'images' of objects with 'filename', 'split' and "
            f"'sentences' ('raw'): {error!r}"
        ) from error
    return images
