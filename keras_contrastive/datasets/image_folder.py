"""A plain folder of images, with classes or captions where it has them."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_contrastive.datasets.captioned_image import CaptionedImage

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
CAPTION_FILES = ("captions.csv", "captions.tsv")


class ImageFolder(NamedTuple):
    """What `image_folder` returns.

    Attributes:
        paths: list of n `Path`s, sorted.
        labels: int array, shape `(n,)`, or `None` without subfolders.
        class_names: list of the subfolders' names, or `None`.

    Example:
        ```python
        import keras
        import numpy as np
        import keras_contrastive as kc

        keras.utils.save_img("some_photographs.png", np.zeros((8, 8, 3)))
        folder = kc.datasets.image_folder(".")
        print(folder.paths, folder.labels)
        ```
    """

    paths: list[Path]
    labels: np.ndarray | None
    class_names: list[str] | None


def image_folder(folder: str | os.PathLike) -> ImageFolder:
    """Finds the images of a folder, and their classes.

    Subfolders at any depth are searched. Where every image lies in a subfolder
    of `folder`, and there are two of these or more, they are the classes.

    Args:
        folder: path of a folder with .jpg, .jpeg, .png, .webp, .bmp or .gif
            files. Hidden files and folders are passed over.

    Returns:
        A named tuple of `paths`, `labels` and `class_names`.

    Raises:
        FileNotFoundError: if there is no such folder, or no image in it.

    Example:
        ```python
        import os
        import keras
        import numpy as np
        import keras_contrastive as kc

        for name in ("cats", "dogs"):
            os.makedirs(f"animals/{name}")
            keras.utils.save_img(f"animals/{name}/1.png", np.zeros((8, 8, 3)))
        folder = kc.datasets.image_folder("animals")
        assert folder.class_names == ["cats", "dogs"]
        assert folder.labels.tolist() == [0, 1]
        ```
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`folder` must be a folder. Received: {folder}"
        )
    inside = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
    )
    inside = [
        path
        for path in inside
        if not any(part.startswith(".") for part in path.parts)
    ]
    if not inside:
        raise FileNotFoundError(
            f"`folder` must hold images ({', '.join(SUFFIXES)}). "
            f"Received: {folder}, with none in it"
        )
    paths = [folder / path for path in inside]
    classes = sorted({path.parts[0] for path in inside})
    if len(classes) < 2 or any(len(path.parts) == 1 for path in inside):
        return ImageFolder(paths, None, None)
    labels = np.array([classes.index(path.parts[0]) for path in inside])
    return ImageFolder(paths, labels, classes)


def captioned_folder(
    folder: str | os.PathLike, captions: str | os.PathLike | None = None
) -> list[CaptionedImage]:
    """Finds the images of a folder, and their captions.

    Captions are rows of a `.csv` or `.tsv` file, below a first row of the
    names `image` and `caption`: the image's path from `folder`, and one
    caption, so that an image with several captions has several rows. Without
    such a file, the lines of `dog.txt` are the captions of `dog.jpg`. Images
    without a caption are left out.

    Args:
        folder: path of a folder, as of `image_folder`.
        captions: path of the file. Defaults to `captions.csv` or
            `captions.tsv` in the folder, or the `.txt` files if neither is
            there.

    Returns:
        A list of `CaptionedImage(image, captions, image_id)`, for
        `ImageTextDataset` and `load_image_text`.

    Raises:
        FileNotFoundError: if there is no such folder or file, or no image.
        ValueError: if the file has no columns of these names, names images
            that are not there, or no image has a caption.

    Example:
        ```python
        import os
        from pathlib import Path
        import keras
        import numpy as np
        import keras_contrastive as kc

        os.makedirs("album")
        keras.utils.save_img("album/1.png", np.zeros((8, 8, 3)))
        Path("album/captions.csv").write_text(
            'image,caption\\n1.png,"a cat, asleep"\\n1.png,night\\n'
        )
        (record,) = kc.datasets.captioned_folder("album")
        assert record.captions == ("a cat, asleep", "night")
        ```
    """
    paths = image_folder(folder).paths
    folder = Path(folder).expanduser()
    if captions is None:
        there = [folder / name for name in CAPTION_FILES]
        captions = next((path for path in there if path.is_file()), None)
    if captions is None:
        found = {path: _lines(path.with_suffix(".txt")) for path in paths}
    else:
        found = _rows(Path(captions).expanduser(), folder, paths)
    records = [
        CaptionedImage(path, tuple(found[path]), index)
        for index, path in enumerate(paths)
        if found.get(path)
    ]
    if not records:
        raise ValueError(
            "`folder` must hold captions: captions.csv, captions.tsv, or the "
            f"file dog.txt beside dog.jpg. Received: {folder}, with none in it"
        )
    return records


def _lines(path):
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _rows(captions, folder, paths):
    if not captions.is_file():
        raise FileNotFoundError(
            f"`captions` must be a file. Received: {captions}"
        )
    delimiter = "\t" if captions.suffix.lower() == ".tsv" else ","
    with captions.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        if not {"image", "caption"} <= set(rows.fieldnames or ()):
            raise ValueError(
                "`captions` must have a first row with the names image and "
                f"caption. Received: {rows.fieldnames} in {captions}"
            )
        pairs = [
            (folder / (row["image"] or ""), (row["caption"] or "").strip())
            for row in rows
        ]
    missing = {path for path, _ in pairs} - set(paths)
    if missing:
        raise ValueError(
            f"`captions` must name images by their path from {folder}. "
            f"Received: {len(missing)} that are not there, such as "
            f"{min(missing)}"
        )
    found = {}
    for path, caption in pairs:
        if caption:
            found.setdefault(path, []).append(caption)
    return found
