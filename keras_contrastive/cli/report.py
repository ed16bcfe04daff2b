"""`report`: writes the report of a run into one .html file."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive import datasets
from keras_contrastive import text
from keras_contrastive import visualization
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.classifier_report import write_classifier_report
from keras_contrastive.cli.contact_sheet import PIXELS
from keras_contrastive.cli.held_out import hold_out
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.images import picture_reader
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import CLASSIFIER
from keras_contrastive.cli.run_folder import MODELS
from keras_contrastive.cli.run_folder import WITH_CAPTIONS
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import relative_name
from keras_contrastive.datasets.files.image_folder import folder_of_images

SAMPLE = 2000  # maximum number of images


def run(args):
    run_folder = RunFolder(args.run_folder)
    settings = run_folder.settings((*MODELS, CLASSIFIER))
    check_writable(run_folder.report, "RUN")
    if settings["model"] == CLASSIFIER:
        write_classifier_report(run_folder, settings)
    else:
        write_report(run_folder)


def load_sample(run_folder: RunFolder, settings: dict) -> dict[str, Any]:
    """The images of a report, with their labels or captions."""
    has_captions = settings["model"] in WITH_CAPTIONS
    load = _images_and_captions if has_captions else _images
    return load(run_folder, settings)


def write_report(
    run_folder: RunFolder, sample: dict[str, Any] | None = None
) -> None:
    """Writes the report. Loads the sample if it is not given."""
    settings = run_folder.settings()
    if sample is None:
        sample = load_sample(run_folder, settings)
    model = run_folder.load_model()
    visualization.report(
        model,
        path=run_folder.report,
        history=run_folder.history if run_folder.history.is_file() else None,
        settings=settings,
        title=run_folder.path.resolve().name,
        summary=describe(run_folder, settings, len(sample["images"])),
        untrained=run_folder.untrained(),
        rgb_channels=Channels.of(settings).rgb_channels,
        **sample,
    )
    print(f"Report: {run_folder.report}")


def describe(run_folder: RunFolder, settings: dict, num_shown: int) -> str:
    """The line below the title: the model, its training images and the date."""
    finished = datetime.date.fromtimestamp(run_folder.model.stat().st_mtime)
    num_images = settings.get("num_images", num_shown)
    epochs = settings.get("epochs")
    parts = [
        settings["model"],
        f"{num_images:,} images of {settings['folder']}",
        {None: "", 1: "1 epoch"}.get(epochs, f"{epochs} epochs"),
        f"finished on {finished:%Y-%m-%d}",
    ]
    if settings["model"] in WITH_CAPTIONS:
        shown = f"This page shows {num_shown:,} held-out images"
    else:
        shown = f"This page shows {num_shown:,} of them"
    return f"{', '.join(filter(None, parts))}. {shown}."


def _images(run_folder, settings):
    channels = Channels.of(settings)
    split = run_folder.split()
    if split is not None and isinstance(split.train, datasets.ImageRecords):
        return _images_of_table(split.train, settings, channels)
    folder = Path(settings["folder"])
    if split is None:
        found = datasets.image_folder(folder, not channels.reads_rgb)
    else:
        names = [record.image.relative_to(folder) for record in split.train]
        found = folder_of_images(folder, names)
    some = np.random.default_rng(0).permutation(len(found.paths))[:SAMPLE]
    _check_any(some, settings)
    records = [found.paths[i] for i in some]
    loaded = load_images(records, settings["image_size"], channels)
    labels = found.labels
    return {
        "labels": None if labels is None else labels[some[loaded.places]],
        "class_names": found.class_names,
        **_shown(loaded, records, settings, channels),
    }


def _images_of_table(records, settings, channels):
    labels = records.labels
    # The map of classes only shows images with a label.
    places = np.flatnonzero(
        np.ones(len(records), bool) if labels is None else labels >= 0
    )
    some = np.random.default_rng(0).permutation(places)[:SAMPLE]
    _check_any(some, settings)
    sample = records[np.sort(some)]
    loaded = load_images(sample, settings["image_size"], channels)
    return {
        "labels": None if labels is None else sample.labels[loaded.places],
        "class_names": sample.class_names,
        **_shown(loaded, sample, settings, channels),
    }


def _images_and_captions(run_folder, settings):
    held_out = (run_folder.split() or _split_again(settings)).held_out
    _check_any(held_out, settings)
    channels = Channels.of(settings)
    loaded = load_images(held_out, settings["image_size"], channels, True)
    return {
        "captions": loaded.captions,
        "image_index": loaded.image_index,
        "tokenizer": text.CaptionTokenizer.load(run_folder.tokenizer),
        **_shown(loaded, held_out, settings, channels),
    }


def _shown(loaded, records, settings, channels):
    """Images, their names, and a function that reads their files."""
    source = Path(settings["folder"])
    folder = source.parent if source.is_file() else source
    read = picture_reader(records, channels, PIXELS)
    return {
        "images": loaded.images,
        "names": [relative_name(name, folder) for name in loaded.names],
        "originals": lambda i: read(loaded.places[i], loaded.images[i]),
    }


def _split_again(settings):
    """Repeats the split of a run whose version did not save it."""
    split = hold_out(
        datasets.captioned_folder(settings["folder"], settings["captions"])
    )
    if split.num_train != settings["num_images"]:
        raise ValueError(
            f"{settings['folder']} has changed since the run, which did not "
            "record the held-out images. The report would include images that "
            "the model was trained on."
        )
    return split


def _check_any(records, settings):
    if not len(records):
        raise ValueError(
            f"No image for the report of this run is left in "
            f"{settings['folder']}."
        )
