"""`train classifier`: fine-tunes the encoder of a run on few labels."""

import shlex

import keras
import numpy as np

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.classes import LabeledImages
from keras_contrastive.cli.classes import load_classes
from keras_contrastive.cli.classes import split_classes
from keras_contrastive.cli.classifier_report import write_classifier_report
from keras_contrastive.cli.defaults import CACHE_BYTES
from keras_contrastive.cli.defaults import learning_rate_schedule
from keras_contrastive.cli.epoch_lines import EpochLines
from keras_contrastive.cli.output import check_outside
from keras_contrastive.cli.run_folder import CLASSIFIER
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_columns
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import location_of
from keras_contrastive.cli.sources import settings_of_source
from keras_contrastive.command import program
from keras_contrastive.fine_tuning.linear_classifier import linear_classifier
from keras_contrastive.fine_tuning.unfreeze import unfreeze
from keras_contrastive.layers.image_augmentation.random_flip import RandomFlip
from keras_contrastive.layers.image_augmentation.random_resized_crop import (
    RandomResizedCrop,
)
from keras_contrastive.trainer.keras_internals import all_layers

STEPS = 300  # of fine-tuning
LARGEST_BATCH = 64


def choose_classes(args, folder, of_run, channels):
    """The images and the classes of the run in the folder, or of the source."""
    split = None if args.force else folder.split()
    if split is not None:
        return split, folder.class_names()
    if not channels.reads_rgb:  # checkpoints are .npz files
        check_outside(folder.path, args.source, "--output")
    found = find_images(args, of_run, channels)
    return split_classes(found), list(found.class_names)


def choose_schedule(args, num_train):
    """The batch size, the steps of an epoch, and the number of epochs."""
    batch_size = args.batch_size or max(2, min(LARGEST_BATCH, num_train // 4))
    steps = -(-num_train // batch_size)
    epochs = max(1, STEPS // steps) if args.epochs is None else args.epochs
    return batch_size, steps, epochs


def compile_classifier(classifier, learning_rate, num_steps):
    schedule = learning_rate_schedule(learning_rate, max(1, num_steps))
    classifier.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def run(args):
    folder = RunFolder(args.run_folder)
    with folder.prepared():
        run_in(folder, args)


def run_in(folder, args):
    """Starts or resumes the run in its folder."""
    pretrained = RunFolder(args.model)
    of_run = pretrained.settings()
    channels = Channels.of(of_run)
    args.source = location_of(args.source)
    columns = find_columns(args, of_run, channels)
    source = {
        "model": CLASSIFIER,
        **settings_of_source(args.source, columns),
    }
    if not args.force:
        folder.check_source(source)
    split, names = choose_classes(args, folder, of_run, channels)
    batch_size, steps, epochs = choose_schedule(args, split.num_train)
    settings = {
        **source,
        "pretrained": str(args.model.resolve()),
        "class_names": names,
        "num_images": split.num_train,
        "image_size": of_run["image_size"],
        "batch_size": batch_size,
        "epochs": epochs,
        "learning_rate": args.learning_rate,
        "seed": args.seed,
        **channels.settings(),
    }
    if not args.force:
        folder.check_settings(settings)
    check_fits(len(split.train) + len(split.held_out), settings, channels)
    train, held_out = (
        load_classes(part, names, settings["image_size"], channels)
        for part in (split.train, split.held_out)
    )
    print(
        f"{len(train.images):,} images of {len(names)} classes, and "
        f"{len(held_out.images):,} held out"
    )
    keras.utils.set_random_seed(args.seed)
    classifier = classifier_of(pretrained.load_model(), train, names, channels)
    scores = {
        "untrained encoder": untrained_accuracy(
            pretrained.load_model(), train, held_out, names, channels
        ),
        "linear layer on the encoder of the run": accuracy(
            classifier, held_out
        ),
    }
    compile_classifier(classifier, args.learning_rate, epochs * steps)
    if args.force:
        folder.restart()
    with folder.training(settings, split):
        if epochs:
            classifier.fit(
                train.images,
                train.labels,
                batch_size=batch_size,
                epochs=epochs,
                verbose=0,
                validation_data=(held_out.images, held_out.labels),
                callbacks=[*folder.callbacks(), EpochLines()],
            )
            scores["the same, fine-tuned"] = accuracy(classifier, held_out)
        folder.save(classifier)
        write_classifier_report(folder, settings, held_out)
    counts = np.bincount(train.labels, minlength=len(names))
    print_accuracies(scores, counts, held_out.labels)
    words = ["classify", of_run["folder"], "--model", str(folder.path)]
    print(f"Next: {program()} {shlex.join(words)}")


def check_fits(num_images: int, settings: dict, channels: Channels) -> None:
    """Raises if the images do not fit into memory."""
    size = 1 if channels.value_range is None else 4
    pixels = num_images * settings["image_size"] ** 2 * channels.number
    if pixels * size > CACHE_BYTES:
        raise ValueError(
            f"SOURCE must have images that fit into {CACHE_BYTES / 1e9:.0f} GB "
            f"of memory. Received: {num_images:,} of {settings['image_size']} "
            "pixels. For more images, use the Python code in "
            "docs/few_labels.md."
        )


def classifier_of(
    model: keras.Model, train: LabeledImages, names: list, channels: Channels
) -> keras.Sequential:
    """A classifier on the encoder of a run. Its inputs are loaded images."""
    is_clip = hasattr(model, "image_encoder")
    encoder = model.image_encoder if is_clip else model.encoder
    unfreeze(encoder)
    for layer in all_layers(encoder):
        # Keeps the moving statistics of the pretraining, which the head was
        # fitted to. Batches of few labeled images have other statistics.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    size, in_pixels = train.images.shape[1], channels.value_range is None
    value_range = (0, 255) if in_pixels else (0, 1)
    # `model.value_range` is the encoder's input range, by default [0, 1].
    low, high = model.value_range or (0.0, 1.0)
    scale = (high - low) / (255 if in_pixels else 1)
    rescaled = keras.Sequential(
        [
            keras.Input(encoder.input_shape[1:]),
            keras.layers.Rescaling(scale, low, dtype="float32"),
            encoder,
        ],
        name="encoder",
    )
    augmenter = keras.layers.Pipeline(
        [
            RandomResizedCrop(
                size, size, scale=(0.5, 1.0), value_range=value_range
            ),
            RandomFlip(value_range=value_range),
        ],
        name="augmenter",
    )
    return linear_classifier(
        rescaled,
        train.images,
        train.labels,
        len(names),
        augmenter,
        verbose=0,
    )


def untrained_accuracy(
    model: keras.Model,
    train: LabeledImages,
    held_out: LabeledImages,
    names: list,
    channels: Channels,
) -> float:
    """The accuracy of a linear layer on a randomly initialized encoder."""
    part = "image_encoder" if hasattr(model, "image_encoder") else "encoder"
    trained = getattr(model, part)
    fresh = type(trained).from_config(trained.get_config())
    trained.set_weights(fresh.get_weights())
    return accuracy(classifier_of(model, train, names, channels), held_out)


def accuracy(classifier: keras.Model, of: LabeledImages) -> float:
    logits = classifier.predict(of.images, verbose=0)
    return float(np.mean(logits.argmax(axis=1) == of.labels))


def print_accuracies(
    scores: dict[str, float], counts: np.ndarray, labels: np.ndarray
) -> None:
    """Prints the share of held-out images in the right class.

    Args:
        scores: The accuracy of each classifier, by its name.
        counts: The number of training images of each class.
        labels: The classes of the held-out images.
    """
    print(f"held-out images in the right class, of {len(labels):,}:")
    majority = float(np.mean(labels == counts.argmax()))
    everything = {
        "chance": 1 / len(counts),
        "most frequent class": majority,
        **scores,
    }
    for name, value in everything.items():
        print(f"  {name + ' ':.<42} {value:6.1%}")
