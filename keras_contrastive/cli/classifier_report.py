"""The HTML report of a classifier: its accuracy, confusions and mistakes."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.classes import LabeledImages
from keras_contrastive.cli.classes import load_classes
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.visualization.figure import select_shown
from keras_contrastive.visualization.figure import to_pictures
from keras_contrastive.visualization.html_page import html_page
from keras_contrastive.visualization.html_page import rows
from keras_contrastive.visualization.html_page import section
from keras_contrastive.visualization.html_page import table
from keras_contrastive.visualization.html_pictures import Picture
from keras_contrastive.visualization.html_pictures import row
from keras_contrastive.visualization.plot_history import plot_history
from keras_contrastive.visualization.svg_figure import themed
from keras_contrastive.visualization.svg_figure import to_svg

SHOWN = 24  # maximum number of mistakes and of confusions on the page


def write_classifier_report(
    run_folder: RunFolder, settings: dict, held_out: LabeledImages | None = None
) -> None:
    """Writes the report of a run of `train classifier`.

    Args:
        run_folder: Folder of the run.
        settings: Settings of the run.
        held_out: Held-out images of the run. They are loaded if `None`.
    """
    names, channels = settings["class_names"], Channels.of(settings)
    if held_out is None:
        split = run_folder.split()
        if split is None:
            raise ValueError(
                "RUN must hold split.json, which names the held-out images. "
                f"Received: {run_folder.path}"
            )
        held_out = load_classes(
            split.held_out, names, settings["image_size"], channels
        )
    logits = run_folder.load_model().predict(held_out.images, verbose=0)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == held_out.labels).sum())
    parts = [
        section(
            "Classes",
            rows(
                class_rows(held_out.labels, predicted, names),
                ["class", "held out", "recall", "precision"],
            ),
        ),
        section(
            "Confusions",
            rows(
                confusion_rows(held_out.labels, predicted, names),
                ["class", "predicted class", "images"],
            ),
        )
        if right < len(predicted)
        else "",
        mistakes(held_out, probabilities, names, channels.rgb_channels),
    ]
    if run_folder.history.is_file():
        with themed():
            figure = plot_history(run_folder.history)
        parts.append(section("Training", to_svg(figure, "curves")))
    shown = {k: v for k, v in settings.items() if k != "class_names"}
    parts.append(section("Settings", table(shown)))
    html_page(
        run_folder.report,
        f"Classifier, {run_folder.path.name}",
        f"{right:,} of {len(predicted):,} held-out images are in the right "
        f"class, {right / len(predicted):.1%}.",
        parts,
    )
    print(f"Report: {run_folder.report}")


def class_rows(
    labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> list[list]:
    """The name, number of images, recall and precision of each class."""
    right = labels == predicted
    return [
        [
            name,
            int((labels == i).sum()),
            _share(right[labels == i]),
            _share(right[predicted == i]),
        ]
        for i, name in enumerate(names)
    ]


def confusion_rows(
    labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> list[list]:
    """The most frequent pairs of true class and wrongly predicted class."""
    wrong = labels != predicted
    pairs, counts = np.unique(
        np.stack([labels[wrong], predicted[wrong]]), axis=1, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:SHOWN]
    return [
        [names[pairs[0, i]], names[pairs[1, i]], int(counts[i])] for i in order
    ]


def mistakes(
    of: LabeledImages,
    probabilities: np.ndarray,
    names: Sequence[str],
    rgb_channels: Sequence[int] | None,
) -> str:
    """The misclassified images as HTML, the most confident first."""
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != of.labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN]
    if not len(wrong):
        return ""
    chosen, _ = select_shown(of.images[wrong], rgb_channels)
    pictures = to_pictures("images", chosen)
    pictures = [
        Picture(
            pixels,
            f"{names[of.labels[i]]}, predicted as {names[predicted[i]]} "
            f"({confidence[i]:.0%}): {of.names[i]}",
        )
        for i, pixels in zip(wrong, pictures, strict=True)
    ]
    note = "The most confident first. Some of the labels may be wrong."
    return section("Mistakes", row(pictures), note)


def _share(right):
    return f"{right.mean():.1%}" if len(right) else ""
