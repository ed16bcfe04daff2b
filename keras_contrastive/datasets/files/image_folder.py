"""Folders of images, with classes or captions."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.files.caption_files import read_table
from keras_contrastive.datasets.files.caption_files import read_texts
from keras_contrastive.datasets.files.folder_scan import ARRAY_SUFFIXES
from keras_contrastive.datasets.files.folder_scan import scan_folder
from keras_contrastive.datasets.files.image_files import SUFFIXES
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_rate

SHOWN_CLASSES = 5  # names in the `repr` of a folder
CAPTION_FILES = ("captions.csv", "captions.tsv")


class ImageFolder(NamedTuple):
    """The result of `image_folder`.

    Attributes:
        paths: Sorted list of n `Path`s.
        labels: Int array, shape `(n,)`, or `None` without subfolders.
        class_names: List of the subfolders' names, or `None`.

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

    def __repr__(self):
        classes = "no classes"
        if self.class_names is not None:
            names = ", ".join(map(repr, self.class_names[:SHOWN_CLASSES]))
            more = ", ..." * (len(self.class_names) > SHOWN_CLASSES)
            classes = f"{len(self.class_names):,} classes: {names}{more}"
        return f"<ImageFolder of {len(self.paths):,} images, {classes}>"


def image_folder(
    folder: str | os.PathLike, arrays: bool = False
) -> ImageFolder:
    """Finds the images of a folder, and their classes.

    Searches subfolders at any depth. The subfolders of `folder` are the
    classes if there are at least two and every image is in one of them.

    Images are recognized by suffix, in upper or lower case: .jpg, .png, .webp,
    .avif, .gif, .tif, .bmp, .jp2, .ppm and their variants, and .heic if
    pillow-heif is installed. A warning counts other files by suffix, except
    common ones such as texts and tables. Hidden files and folders are ignored.
    Links to folders are followed.

    Args:
        folder: Path of a folder.
        arrays: Whether to find arrays (.npy, .npz) and DICOM (.dcm) as well,
            which `ImageDataset` reads with `channels` or `value_range`.

    Returns:
        A named tuple of `paths`, `labels` and `class_names`.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.

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
    root, scan = _scan(folder, arrays)
    return folder_of_images(root, scan.images)


def folder_of_images(folder: Path, names: Sequence[Path]) -> ImageFolder:
    """The result of `image_folder` for these images.

    Args:
        folder: Path of a folder.
        names: List of `Path`s relative to the folder.
    """
    paths = [folder / name for name in names]
    classes = sorted({name.parts[0] for name in names})
    if len(classes) < 2 or any(len(name.parts) == 1 for name in names):
        return ImageFolder(paths, None, None)
    places = {name: place for place, name in enumerate(classes)}
    labels = np.array([places[name.parts[0]] for name in names])
    return ImageFolder(paths, labels, classes)


def captioned_folder(
    folder: str | os.PathLike,
    captions: str | os.PathLike | None = None,
    max_bad_fraction: float = 0.01,
    arrays: bool = False,
) -> list[CaptionedImage]:
    """Finds the images of a folder and their captions.

    Captions are rows of a `.csv` or `.tsv` file with the columns `image` and
    `caption`, named in the first row: the path of an image and one caption. An
    image with several captions has several rows. Paths are absolute, or
    relative to `folder`, to the folder of the captions file or to the current
    folder. Slashes, accents and case may follow another operating system.
    Without such a file, the lines of `dog.txt` are the captions of `dog.jpg`.

    Text is UTF-8. In a `.csv` file, put captions with commas in quotation
    marks; without other columns, unquoted commas are read as part of the
    caption. Semicolons and tabs separate columns, too, if the first row has no
    comma. In a `.tsv` file, quotation marks are ordinary characters, and a
    caption cannot span lines.

    Lines that cannot be parsed, such as those with unmatched quotation marks,
    and rows whose image does not exist are left out and named in a warning, up
    to `max_bad_fraction`. Images without a caption are left out and counted in
    a warning.

    Args:
        folder: Path of a folder, as for `image_folder`.
        captions: Path of the file. Defaults to `captions.csv` or
            `captions.tsv` in the folder, or the `.txt` files if neither
            exists.
        max_bad_fraction: Float, the largest fraction of lines of captions that
            may be left out.
        arrays: Whether to find arrays and DICOM as well, see `image_folder`.

    Returns:
        A list of `CaptionedImage(image, captions, image_id)`, for
        `ImageTextDataset` and `load_image_text`.

    Raises:
        FileNotFoundError: If there is no such folder or file, or no image.
        ValueError: If the file lacks these columns, no image has a caption, or
            too many lines are bad; the message names some of them.

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
    max_bad_fraction = check_rate("max_bad_fraction", max_bad_fraction)
    root, scan = _scan(folder, arrays)
    paths = [root / path for path in scan.images]
    bad_records = BadRecords(
        "lines of captions cannot be used", 0, max_bad_fraction
    )
    table = _caption_file(root) if captions is None else Path(captions)
    if table is None:
        texts = [root / path for path in scan.texts]
        found = read_texts(paths, texts, bad_records)
    else:
        table = table.expanduser()
        if not table.is_file():
            raise FileNotFoundError(
                f"`captions` must be a file. Received: {table}"
            )
        found = read_table(table, root, paths, bad_records)
    bad_records.check()
    bad_records.warn("They are left out.")
    uncaptioned = BadRecords("images have no caption", len(paths), 1)
    for path in paths:
        if path not in found:
            uncaptioned.add(str(path))
    if not found:
        raise ValueError(
            "`folder` must hold captions: captions.csv, captions.tsv, or the "
            f"file dog.txt beside dog.jpg. Received: {root}, with none in it"
        )
    uncaptioned.warn("They are left out.")
    return [
        CaptionedImage(path, tuple(found[path]), index)
        for index, path in enumerate(paths)
        if path in found
    ]


def _scan(folder, arrays):
    arrays = check_bool("arrays", arrays)
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        what = "a file" if folder.exists() else "which does not exist"
        raise FileNotFoundError(
            f"`folder` must be a folder. Received: {folder}, {what}"
        )
    scan = scan_folder(folder, arrays)
    skipped = scan.describe_skipped()
    if not scan.images:
        suffixes = SUFFIXES + ARRAY_SUFFIXES * arrays
        beside = f" (but {skipped})" if skipped else ""
        if not arrays and scan_folder(folder, arrays=True).images:
            beside = (
                " (but .npy, .npz or .dcm files, which are read with "
                "`channels` or `value_range`)"
            )
        raise FileNotFoundError(
            f"`folder` must hold images ({', '.join(suffixes)}). "
            f"Received: {folder}, with none in it{beside}"
        )
    if skipped:
        warnings.warn(
            f"{folder} holds files that are not read as images: {skipped}. "
            f"They are skipped, beside {len(scan.images)} images.",
            stacklevel=3,
        )
    return folder, scan


def _caption_file(folder):
    files = {
        path.name.lower(): path for path in folder.iterdir() if path.is_file()
    }
    return next((files[name] for name in CAPTION_FILES if name in files), None)
