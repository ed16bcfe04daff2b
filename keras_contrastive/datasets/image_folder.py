"""A plain folder of images, with classes or captions where it has them."""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_contrastive.datasets.caption_files import read_table
from keras_contrastive.datasets.caption_files import read_texts
from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.faults import Faults
from keras_contrastive.datasets.faults import check_max_bad_fraction
from keras_contrastive.datasets.folder_scan import scan_folder
from keras_contrastive.datasets.image_files import SUFFIXES

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

    Images are known by their suffixes, in upper or lower case: .jpg, .png,
    .webp, .avif, .gif, .tif, .bmp, .jp2, .ppm and their variants, .heic if
    pillow-heif is installed. A warning counts the other files by suffix, but
    for texts, tables and the like. Hidden files and folders are passed over,
    links to folders are followed.

    Args:
        folder: path of a folder.

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
    folder, scan = _scan(folder)
    paths = [folder / path for path in scan.images]
    classes = sorted({path.parts[0] for path in scan.images})
    if len(classes) < 2 or any(len(path.parts) == 1 for path in scan.images):
        return ImageFolder(paths, None, None)
    labels = np.array([classes.index(path.parts[0]) for path in scan.images])
    return ImageFolder(paths, labels, classes)


def captioned_folder(
    folder: str | os.PathLike,
    captions: str | os.PathLike | None = None,
    max_bad_fraction: float = 0.01,
) -> list[CaptionedImage]:
    """Finds the images of a folder, and their captions.

    Captions are rows of a `.csv` or `.tsv` file, below a first row of the
    names `image` and `caption`: the image's path and one caption, so that an
    image with several captions has several rows. Paths are absolute, or start
    from `folder`, the folder of the captions or the current one; slashes,
    accents and upper case may be another system's. Without such a file, the
    lines of `dog.txt` are the captions of `dog.jpg`.

    Text is UTF-8. In a `.csv` file a caption with commas is best in quotation
    marks. Without these it is taken whole where there are no other columns.
    Quotation marks in a `.tsv` file mean nothing: a caption is a line's.

    Lines that are not understood, among them quotation marks without a
    partner, and rows of images that are not there are named in a warning and
    left out, up to `max_bad_fraction`. Images without a caption are counted
    in a warning and left out.

    Args:
        folder: path of a folder, as of `image_folder`.
        captions: path of the file. Defaults to `captions.csv` or
            `captions.tsv` in the folder, or the `.txt` files if neither is
            there.
        max_bad_fraction: float, the greatest share of lines of captions that
            may be left out.

    Returns:
        A list of `CaptionedImage(image, captions, image_id)`, for
        `ImageTextDataset` and `load_image_text`.

    Raises:
        FileNotFoundError: if there is no such folder or file, or no image.
        ValueError: if the file has no columns of these names, no image has a
            caption, or too many lines are left out: the message names them.

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
    check_max_bad_fraction(max_bad_fraction)
    folder, scan = _scan(folder)
    paths = [folder / path for path in scan.images]
    faults = Faults("lines of captions cannot be used", 0, max_bad_fraction)
    if captions is None:
        captions = _caption_file(folder)
    if captions is None:
        texts = [folder / path for path in scan.texts]
        found = read_texts(paths, texts, faults)
    else:
        captions = Path(captions).expanduser()
        if not captions.is_file():
            raise FileNotFoundError(
                f"`captions` must be a file. Received: {captions}"
            )
        found = read_table(captions, folder, paths, faults)
    faults.check()
    faults.warn("They are left out.")
    uncaptioned = Faults("images have no caption", len(paths), 1)
    for path in paths:
        if path not in found:
            uncaptioned.add(str(path))
    if not found:
        raise ValueError(
            "`folder` must hold captions: captions.csv, captions.tsv, or the "
            f"file dog.txt beside dog.jpg. Received: {folder}, with none in it"
        )
    uncaptioned.warn("They are left out.")
    return [
        CaptionedImage(path, tuple(found[path]), index)
        for index, path in enumerate(paths)
        if path in found
    ]


def _scan(folder):
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`folder` must be a folder. Received: {folder}"
        )
    scan = scan_folder(folder)
    skipped = scan.describe_skipped()
    if not scan.images:
        beside = f" (but {skipped})" if skipped else ""
        raise FileNotFoundError(
            f"`folder` must hold images ({', '.join(SUFFIXES)}). "
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
