"""The photographs and captions of Flickr30k, read from its own files."""

import hashlib
import os

from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.faults import Faults
from keras_contrastive.datasets.faults import check_max_bad_fraction
from keras_contrastive.datasets.flickr30k_files import find_files
from keras_contrastive.datasets.flickr30k_files import read_captions
from keras_contrastive.datasets.flickr30k_files import read_splits

# How many are held out for validation, and as many for testing.
HELD_OUT = 1000


def flickr30k_records(
    data_dir: str | os.PathLike,
    split: str = "train",
    max_bad_fraction: float = 0.01,
) -> list[CaptionedImage]:
    """Flickr30k as a list of images with their captions.

    Reads the files as they are distributed, and needs neither TensorFlow nor
    TensorFlow Datasets. Images are found, not decoded: see
    `ImageTextDataset` and `load_image_text` for that. In `data_dir`, or in a
    folder `flickr30k`, `flickr30k_images` or `flickr30k-images` in it:

    | file | what it is |
    |---|---|
    | `flickr30k_images/` or `flickr30k-images/` | the photographs |
    | `results_20130124.token` | captions, `NAME.jpg#0<TAB>caption` |
    | `results.csv` | the same, in the copy on Kaggle |
    | `dataset_flickr30k.json` | Karpathy's splits, and the captions again |

    The splits are those of Karpathy's file, which knows 31,014 of the 31,783
    photographs: the others are in none. Without that file, photographs are
    ordered by the SHA-256 of their names, and the first 1,000 make `"test"`,
    the next 1,000 `"val"` (a tenth each, if there are fewer than 10,000). This
    depends on nothing but the names, but isn't what others report results on.

    Captions whose photograph is missing, lines that aren't understood or not
    UTF-8, and photographs without a caption are counted, named in a warning,
    and left out. (One line of Kaggle's file lacks a separator and is
    understood.)

    Args:
        data_dir: folder that holds the files.
        split: `"train"`, `"val"` or `"test"`.
        max_bad_fraction: float, the greatest share of photographs, or of
            lines, that may be left out.

    Returns:
        A list of `CaptionedImage(image, captions, image_id)`: the path of the
        file, the captions (five, as a rule), and Karpathy's `imgid`, or the
        place in the file of captions if there are no such ids.

    Raises:
        FileNotFoundError: if there are no photographs or no captions.
        ValueError: if there is no such split, or too much is left out.

    Example:
        ```python
        import os
        import numpy as np
        import keras
        import keras_contrastive as kc

        # One photograph in the layout of Flickr30k.
        os.makedirs("flickr30k/flickr30k_images")
        keras.utils.save_img(
            "flickr30k/flickr30k_images/7.jpg", np.zeros((8, 8, 3))
        )
        with open("flickr30k/results_20130124.token", "w") as file:
            file.write("7.jpg#0\\tIt is dark .\\n7.jpg#1\\tNothing .\\n")

        (record,) = kc.datasets.flickr30k_records("flickr30k")
        assert record.captions == ("It is dark .", "Nothing .")
        ```

    Reference:
        Young et al., "From image descriptions to visual denotations", TACL
        2014. Karpathy and Fei-Fei, "Deep Visual-Semantic Alignments for
        Generating Image Descriptions", CVPR 2015 (splits).
    """
    check_max_bad_fraction(max_bad_fraction)
    files = find_files(data_dir)
    captions, lines = read_captions(files, max_bad_fraction)
    splits = read_splits(files)
    if splits is None:
        splits = split_by_name(captions)
        ids = {name: number for number, name in enumerate(captions)}
    else:
        ids = {name: image_id for name, (image_id, _) in splits.items()}
        splits = {name: part for name, (_, part) in splits.items()}

    names = [name for name, part in splits.items() if part == split]
    if not names:
        parts = list(splits.values())
        sizes = {part: parts.count(part) for part in dict.fromkeys(parts)}
        raise ValueError(
            f"`split` must be one of those of {data_dir}, which are (with "
            f"their numbers of images) {sizes}. Received: split={split!r}"
        )

    present = {entry.name for entry in os.scandir(files.images)}
    faults = Faults(
        f"images of the split {split!r} are missing or have no caption",
        len(names),
        max_bad_fraction,
    )
    records = []
    for name in names:
        if name not in present:
            faults.add(name, f"not in {files.images}")
        elif not captions.get(name):
            faults.add(name, f"no caption in {files.captions}")
        else:
            record = CaptionedImage(
                str(files.images / name), tuple(captions[name]), ids[name]
            )
            records.append(record)
    faults.check()
    lines.warn("They are left out.")
    faults.warn("They are left out.")
    return records


def split_by_name(names) -> dict[str, str]:
    """The split of each file name, by the order of the names' hashes."""
    ordered = sorted(
        names, key=lambda name: hashlib.sha256(name.encode()).digest()
    )
    held_out = min(HELD_OUT, len(ordered) // 10)
    splits = dict.fromkeys(names, "train")
    splits.update(dict.fromkeys(ordered[:held_out], "test"))
    splits.update(dict.fromkeys(ordered[held_out : 2 * held_out], "val"))
    return splits


def split_names(
    data_dir: str | os.PathLike, max_bad_fraction: float
) -> list[str]:
    """The splits that `flickr30k_records` has for these files."""
    files = find_files(data_dir)
    splits = read_splits(files)
    if splits is None:
        captions, _ = read_captions(files, max_bad_fraction)
        parts = set(split_by_name(captions).values())
    else:
        parts = {part for _, part in splits.values()}
    return sorted(parts, key=lambda part: (part != "train", part != "val"))
