"""Trains a model in its run folder, and reports the scores."""

import shlex
from collections.abc import Sequence

import keras

from keras_contrastive.cli.epoch_lines import EpochLines
from keras_contrastive.cli.report import load_sample
from keras_contrastive.cli.report import write_report
from keras_contrastive.cli.run_folder import WITH_CAPTIONS
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.scores import measure
from keras_contrastive.cli.scores import print_scores
from keras_contrastive.command import program


def train(
    model: keras.Model,
    dataset: keras.utils.PyDataset,
    settings: dict,
    folder: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Fits the model, saves it, writes the report and prints the scores.

    Args:
        model: Compiled, untrained model. Its initial scores are the baseline.
        dataset: `ImageDataset` or `ImageTextDataset`.
        settings: Settings of the run, as stored in its folder.
        folder: Folder of the run.
        callbacks: Callbacks in addition to those of every run.
    """
    sample = load_sample(folder, settings)
    untrained = folder.untrained()
    if untrained is None:
        scores = measure(model, sample)
        untrained = {score.key: score.value for score in scores}
        folder.save_untrained(untrained)
    model.fit(
        dataset,
        epochs=settings["epochs"],
        verbose=0,
        callbacks=[
            dataset.follow_epochs(),
            *callbacks,
            *folder.callbacks(),
            EpochLines(),
        ],
    )
    folder.save(model)
    write_report(folder, sample)
    print_scores(measure(model, sample), untrained)
    print(f"Next: {next_command(settings, folder)}")


def next_command(settings: dict, folder: RunFolder) -> str:
    """A command that uses the trained model."""
    command = "search" if settings["model"] in WITH_CAPTIONS else "embed"
    words = [command, settings["folder"]]
    if command == "search":
        words.append("a few words")
    line = shlex.join([*words, "--model", str(folder.path)])
    return f"{program()} {line}"
