"""The photographs and captions of Flickr30k, from its original files."""

import hashlib
import os

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.published.flickr30k_files import find_files
from keras_contrastive.datasets.published.flickr30k_files import read_captions
from keras_contrastive.datasets.published.flickr30k_files import read_splits
from keras_contrastive.validation import check_rate

HELD_OUT = 1000  # photographs for validation, and the same number for testing


def flickr30k_records(
    data_dir: str | os.PathLike,
    split: str = "train",
    max_bad_fraction: float = 0.01,
) -> list[CaptionedImage]:
    """Flickr30k as a list of images with their captions.

    Reads the original files, without TensorFlow or TensorFlow Datasets. Images
    are listed but not decoded: `ImageTextDataset` and `load_image_text` decode
    them. The files are in `data_dir` or in its subfolder `flickr30k`,
    `flickr30k_images` or `flickr30k-images`:

    | file | contents |
    |---|---|
    | `flickr30k_images/` or `flickr30k-images/` | the photographs |
    | `results_20130124.token` | captions, `NAME.jpg#0<TAB>caption` |
    | `results.csv` | the same, in the copy on Kaggle |
    | `dataset_flickr30k.json` | Karpathy's splits, and the captions again |

    The splits are those of Karpathy's file, which contains 31,014 of the 31,783
    photographs. Without that file, photographs are ordered by the SHA-256 of
    their names: the first 1,000 are `"test"` and the next 1,000 `"val"` (a
    tenth each, if there are fewer than 10,000). These splits depend only on the
    names, but published results do not use them.

    Captions whose photograph is missing, lines that cannot be parsed or are not
    UTF-8, and photographs without a caption are left out and named in a
    warning. One line of Kaggle's file lacks a separator, but is parsed anyway.

    Args:
        data_dir: Folder with the files.
        split: `"train"`, `"val"` or `"test"`.
        max_bad_fraction: Float, the largest fraction of photographs, or of
            lines, that may be left out.

    Returns:
        A list of `CaptionedImage(image, captions, image_id)`: the path of the
        file, the captions (usually five), and Karpathy's `imgid`, or the
        position in the file of captions if there are no such ids.

    Raises:
        FileNotFoundError: If there are no photographs or no captions.
        ValueError: If there is no such split, or too much is left out.

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
    max_bad_fraction = check_rate("max_bad_fraction", max_bad_fraction)
    files = find_files(data_dir)
    captions, lines = read_captions(files, max_bad_fraction)
    found = read_splits(files)
    if found is None:
        splits = split_by_name(captions)
        ids = {name: number for number, name in enumerate(captions)}
    else:
        ids = {name: image_id for name, (image_id, _) in found.items()}
        splits = {name: part for name, (_, part) in found.items()}

    names = [name for name, part in splits.items() if part == split]
    if not names:
        parts = list(splits.values())
        sizes = {part: parts.count(part) for part in dict.fromkeys(parts)}
        raise ValueError(
            f"`split` must be a split of {data_dir}, which has (with numbers "
            f"of images) {sizes}. Received: split={split!r}"
        )

    present = {entry.name for entry in os.scandir(files.images)}
    bad_records = BadRecords(
        f"images of the split {split!r} are missing or have no caption",
        len(names),
        max_bad_fraction,
    )
    records = []
    for name in names:
        if name not in present:
            bad_records.add(name, f"not in {files.images}")
        elif not captions.get(name):
            bad_records.add(name, f"no caption in {files.captions}")
        else:
            record = CaptionedImage(
                str(files.images / name), tuple(captions[name]), ids[name]
            )
            records.append(record)
    bad_records.check()
    lines.warn("They are left out.")
    bad_records.warn("They are left out.")
    return records


def split_by_name(names) -> dict[str, str]:
    """Assigns a split to each file name, by the order of their hashes."""
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
    """The names of the splits of these files."""
    files = find_files(data_dir)
    splits = read_splits(files)
    if splits is None:
        captions, _ = read_captions(files, max_bad_fraction)
        parts = set(split_by_name(captions).values())
    else:
        parts = {part for _, part in splits.values()}
    return sorted(parts, key=lambda part: (part != "train", part != "val"))
