"""`train classifier` and `classify`, on a run of `train simclr`."""

import csv
import json
import os
import warnings

import numpy as np
import pytest

from keras_contrastive.cli.classifier_report import class_rows
from keras_contrastive.cli.classifier_report import confusion_rows
from keras_contrastive.cli.main import main
from keras_contrastive.cli.train_classifier import print_accuracies

ARGUMENTS = ["--image-size", "16", "--epochs", "1", "--batch-size", "8"]


@pytest.fixture
def run(make_folder, capsys):
    """A folder of images in classes, and a run that was trained on them."""
    folder = make_folder(40, image_size=16)
    for name in os.listdir(folder):  # Classes of a single image.
        if (folder / name).is_dir() and len(os.listdir(folder / name)) < 2:
            for image in (folder / name).iterdir():
                image.unlink()
    main(["train", "simclr", str(folder), *ARGUMENTS])
    capsys.readouterr()
    return folder


@pytest.mark.one_backend
def test_classifies_by_few_labels(run, capsys, tmp_path):
    with warnings.catch_warnings():  # Keras: "Skipping variable loading ..."
        warnings.filterwarnings("error", "Skipping")
        main(["train", "classifier", str(run), "--epochs", "2"])
    printed = capsys.readouterr().out
    for line in ("chance", "most frequent class", "untrained", "fine-tuned"):
        assert line in printed
    split = json.loads((tmp_path / "runs/classifier/split.json").read_text())
    settings = tmp_path / "runs/classifier/run.json"
    names = json.loads(settings.read_text())["class_names"]
    held_out = [entry["captions"][0] for entry in split["held_out"]]
    assert set(held_out) == {e["captions"][0] for e in split["train"]}
    page = (tmp_path / "runs/classifier/report.html").read_text()
    assert "held-out images are in the right class" in page
    assert all(name in page for name in set(held_out))

    main(["classify", str(run)])
    with open("classes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(map(len, split.values()))
    assert {row["class"] for row in rows} <= set(held_out)
    assert all(0 < float(row["probability"]) <= 1 for row in rows)

    # Writes the page again; then uses a finished run, and another kind of run.
    page = tmp_path / "runs/classifier/report.html"
    page.unlink()
    main(["report", "runs/classifier"])
    assert page.exists()
    for arguments, message in (
        (["train", "classifier", str(run), "--epochs", "2"], "finished run"),
        (["embed", str(run), "--model", "runs/classifier"], "clip, slip, sim"),
        (["classify", str(run), "--model", "runs/simclr"], "train classifier"),
    ):
        with pytest.raises(SystemExit, match=message):
            main(arguments)

    # The run keeps its images and classes, whatever is added to the folder.
    one = next(path for path in run.iterdir() if path.is_dir())
    (run / "stray.png").write_bytes(next(one.iterdir()).read_bytes())
    main(["train", "classifier", str(run), "--epochs", "3"])
    assert json.loads(settings.read_text())["class_names"] == names
    with pytest.raises(SystemExit, match="run with other settings, folder="):
        main(["train", "classifier", str(one), "--epochs", "4"])


@pytest.mark.one_backend
def test_the_linear_layer_alone_and_classes_that_cannot_be_learned(
    run, capsys, tmp_path
):
    main(["train", "classifier", str(run), "--epochs", "0"])
    assert "fine-tuned" not in capsys.readouterr().out
    (tmp_path / "classes.csv").write_text("mine")
    with pytest.raises(SystemExit, match="must be a new file"):
        main(["classify", str(run)])
    assert (tmp_path / "classes.csv").read_text() == "mine"
    one = next(path for path in run.iterdir() if path.is_dir())
    with pytest.raises(SystemExit, match="must have classes"):
        main(["train", "classifier", str(one), "--output", "runs/other"])
    assert not (tmp_path / "runs/other").exists()


@pytest.mark.one_backend
def test_a_class_without_a_readable_training_image(capsys):
    print_accuracies({"linear": 0.5}, np.array([3, 1, 0]), np.array([0, 2]))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == [
        "33.3%",
        "50.0%",
        "50.0%",
    ]


@pytest.mark.one_backend
def test_rows_of_the_report():
    labels, predicted = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    names = ["a", "b", "c"]
    assert class_rows(labels, predicted, names) == [
        ["a", 2, "50.0%", "100.0%"],
        ["b", 1, "100.0%", "33.3%"],
        ["c", 1, "0.0%", ""],
    ]
    assert confusion_rows(labels, predicted, names) == [
        ["a", "b", 1],
        ["c", "b", 1],
    ]
