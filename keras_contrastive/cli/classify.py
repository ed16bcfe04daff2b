"""`classify`: writes the class of each image into a .csv file."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from keras_contrastive import evaluation
from keras_contrastive import text
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.embedding import embed_texts
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.output import write_csv
from keras_contrastive.cli.run_folder import CLASSIFIER
from keras_contrastive.cli.run_folder import WITH_CAPTIONS
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name

HEADER = ["image", "class", "probability"]
TEMPLATES = ["photographs"]


class Classifier(NamedTuple):
    """A model, and a function from its outputs to class scores.

    Attributes:
        model: Model that computes a vector for each image.
        class_names: List of strings.
        scores_of: Function from an array of these vectors, one per image, to
            the logits of the classes.
    """

    model: keras.Model
    class_names: list[str]
    scores_of: Callable[[np.ndarray], np.ndarray]


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings((CLASSIFIER, *WITH_CAPTIONS))
    check_writable(args.output, "--output")
    check_replaceable(args.output)
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    classifier = classifier_of(args, run_folder, settings)
    vectors, places, image_names = embed_records(
        classifier.model, found.records, settings["image_size"], channels
    )
    scores = classifier.scores_of(vectors)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(scores))
    names = classifier.class_names
    classes = probabilities.argmax(axis=1)
    write_csv(
        args.output,
        HEADER,
        (
            [
                relative_name(name, found.folder),
                names[place],
                f"{row[place]:.4f}",
            ]
            for name, place, row in zip(
                image_names, classes, probabilities, strict=True
            )
        ),
    )
    counts = np.bincount(classes, minlength=len(names))
    print(f"{args.output}: {len(classes):,} images")
    for place in np.argsort(-counts, kind="stable"):
        print(f"  {names[place]}: {counts[place]:,}")
    print_accuracy(scores, names, found, places)


def classifier_of(args, run_folder, settings):
    """The classifier of a run, or a zero-shot classifier by class names."""
    if settings["model"] == CLASSIFIER:
        if args.classes or args.templates:
            raise ValueError(
                "--classes and --templates are for a run of `train clip` or "
                f"`train slip`. Received: {args.model}, which has classes"
            )
        model = run_folder.load_model()
        return Classifier(model, settings["class_names"], np.asarray)
    if args.classes is None:
        raise ValueError(
            "--classes must be a file with the names of the classes, one on "
            f"each line, for {args.model}, a {settings['model']} model. "
            "Received: none"
        )
    if not args.classes.is_file():
        raise FileNotFoundError(
            "--classes must be a file with the names of the classes, one on "
            f"each line. Received: {args.classes}, which is not a file"
        )
    names = evaluation.read_class_names(args.classes)
    templates = args.templates or TEMPLATES
    if len(templates) == 1 and "{}" not in templates[0]:
        (templates,) = templates
    model = run_folder.load_model()
    tokenizer = text.CaptionTokenizer.load(run_folder.tokenizer)
    weights = evaluation.zero_shot_weights(
        lambda texts: embed_texts(model, tokenizer, texts),
        names,
        templates,
    )
    scale = float(keras.ops.convert_to_numpy(model.logit_scale.scale))
    return Classifier(model, names, lambda vectors: scale * vectors @ weights)


def print_accuracy(scores, names, found, places):
    """Prints the accuracy, if the classes of the images are known."""
    if found.labels is None:
        return
    labels = np.asarray(found.labels)[places]
    own = np.array(
        [
            names.index(name) if name in names else -1
            for name in found.class_names
        ]
    )
    known = labels >= 0
    known[known] = own[labels[known]] >= 0
    if not known.any():
        print("No accuracy: the images have other classes.")
        return
    found_scores = evaluation.classification_scores(
        scores[known], own[labels[known]], names
    )
    print(
        f"Accuracy: {found_scores.accuracy:.1%} of {known.sum():,} images of "
        "known class; always the most frequent class: "
        f"{found_scores.majority:.1%}"
    )
    print(
        f"Mean recall of the classes: {found_scores.mean_per_class_recall:.1%}"
    )
    for name, recall in found_scores.recall_per_class.items():
        if not np.isnan(recall):
            print(f"  {name}: {recall:.1%}")


def check_replaceable(output):
    """Raises if the file exists and was not written by this command."""
    if not output.exists():
        return
    with output.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    if first != ",".join(HEADER):
        raise ValueError(
            "--output must be a new file, or one that classify has written. "
            f"Received: {output}"
        )
