"""The commands, in this process, and once as a user types them."""

import csv
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli.defaults import choose_settings
from keras_contrastive.cli.main import build_parser
from keras_contrastive.cli.main import main
from keras_contrastive.cli.run_folder import RunFolder
from tests.models.encoders.marks import slow_on_jax

for package in ("PIL", "matplotlib", "tokenizers"):
    pytest.importorskip(package)

SMALL = "--image-size 16 --batch-size 16 --epochs 1".split()


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder with a subfolder for each colour, and captions."""
    monkeypatch.chdir(tmp_path)
    data = kc.datasets.shapes(40, image_size=24, label="colour")
    rows = [("image", "caption")]
    for index, (image, label, caption) in enumerate(
        zip(data.images, data.labels, data.captions, strict=True)
    ):
        name = f"{data.class_names[label]}/{index}.png"
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        keras.utils.save_img(path, image, scale=False)
        rows.append((name, caption))
    folder = tmp_path / "pictures"
    with (folder / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def test_simclr_and_embed(pictures, tmp_path, capsys):
    main(["train", "simclr", str(pictures), *SMALL])
    run = tmp_path / "runs" / "simclr"
    assert {path.name for path in run.iterdir()} >= {
        "history.csv",
        "model.keras",
        "report.html",
        "run.json",
    }
    assert json.loads((run / "run.json").read_text())["batch_size"] == 16
    assert "kNN accuracy" in (run / "report.html").read_text()

    (pictures / "broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="broken.png"):
        main(["embed", str(pictures), "--output", "vectors.npz"])
    vectors = np.load("vectors.npz")
    assert len(vectors["paths"]) == 40
    model = keras.models.load_model(run / "model.keras")
    first = kc.datasets.load_image_text(
        [{"image": pictures / vectors["paths"][0], "captions": "none"}], 16
    )
    np.testing.assert_allclose(
        vectors["embeddings"][:1],
        model.predict(first.images, verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )
    with pytest.raises(SystemExit, match="must be a run of `train clip`"):
        main(["search", str(pictures), "a dog", "--model", str(run)])
    with pytest.raises(SystemExit, match="holds a finished run"):
        main(["train", "simclr", str(pictures), *SMALL])


def test_clip_search_and_report(pictures, tmp_path, capsys):
    main(["train", "clip", str(pictures), *SMALL])
    run = tmp_path / "runs" / "clip"
    header = (run / "history.csv").read_text().splitlines()[0]
    assert "val_text_to_image_recall@1" in header
    capsys.readouterr()

    main(["search", str(pictures), "a red star", "blue", "-k", "3"])
    out = capsys.readouterr().out
    assert out.count(".png\n") == 2 * 3 + 1  # and the contact sheet
    assert (tmp_path / "search.png").stat().st_size > 10_000

    (run / "report.html").unlink()
    main(["report", str(run)])
    assert "Images that captions find" in (run / "report.html").read_text()


@slow_on_jax
def test_interrupted_run_goes_on(pictures, tmp_path, monkeypatch):
    class Interruption(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    command = ["train", "simclr", str(pictures), *SMALL, "--epochs", "2"]
    callbacks = RunFolder.callbacks
    with monkeypatch.context() as patch:
        patch.setattr(
            RunFolder,
            "callbacks",
            lambda self: [*callbacks(self), Interruption()],
        )
        with pytest.raises(KeyboardInterrupt):
            main(command)
    main(command)
    history = (tmp_path / "runs" / "simclr" / "history.csv").read_text()
    assert [row.split(",")[0] for row in history.splitlines()] == [
        "epoch",
        "0",
        "1",
    ]


def test_other_settings_do_not_go_on_with_a_run(pictures, tmp_path):
    run = tmp_path / "runs" / "simclr"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"seed": 1}')
    with pytest.raises(SystemExit, match="interrupted run with other .*seed=1"):
        main(["train", "simclr", str(pictures), *SMALL])


def test_errors_have_no_traceback(tmp_path):
    command = [sys.executable, "-m", "keras_contrastive"]
    result = subprocess.run(
        [*command, "train", "simclr", tmp_path / "missing"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "error: `folder` must be a folder" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "command", ["train simclr", "train clip", "embed", "search", "report"]
)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    assert f"python -m keras_contrastive {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("num_images", "accelerator", "expected"),
    [
        (10, False, (64, 4, 200, "convnet")),
        (6_000, False, (64, 128, 42, "convnet")),
        (1_000_000, False, (64, 128, 1, "convnet")),
        (6_000, True, (128, 512, 200, "resnet18")),
        (100_000, True, (224, 512, 102, "resnet50")),
    ],
)
def test_defaults(num_images, accelerator, expected):
    args = build_parser().parse_args(["train", "simclr", "DIR"])
    assert choose_settings(args, num_images, accelerator) == expected


def test_arguments_come_before_defaults():
    given = "--image-size 20 --batch-size 3 --epochs 5 --encoder resnet50"
    args = build_parser().parse_args(["train", "simclr", "DIR", *given.split()])
    assert choose_settings(args, 100, False) == (20, 3, 5, "resnet50")
    with pytest.raises(ValueError, match="at least 4 images. Received: 3"):
        choose_settings(args, 3, False)
