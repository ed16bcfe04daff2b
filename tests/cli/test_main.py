"""The commands, in this process and once in a shell."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli import train_clip
from keras_contrastive.cli.defaults import choose_settings
from keras_contrastive.cli.history_file import read_rows
from keras_contrastive.cli.main import build_parser
from keras_contrastive.cli.main import main
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.train_images import choose_loss
from keras_contrastive.datasets.files.image_sources import read_image
from tests.encoders.marks import slow_on_jax

for package in ("PIL", "matplotlib", "tokenizers"):
    pytest.importorskip(package)

SMALL = "--image-size 16 --batch-size 16 --epochs 1".split()


@pytest.fixture
def pictures(make_folder):
    """A folder with a subfolder for each color, and captions."""
    return make_folder(40)


def test_simclr_and_embed(pictures, tmp_path, capsys):
    main(["train", "simclr", str(pictures), *SMALL])
    run = tmp_path / "runs" / "simclr"
    assert {path.name for path in run.iterdir()} >= {
        "history.csv",
        "model.keras",
        "report.html",
        "run.json",
        "split.json",
    }
    assert json.loads((run / "run.json").read_text())["batch_size"] == 16
    assert "by their neighbors" in (run / "report.html").read_text()

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

    main(["embed", str(pictures), "--output", "vectors.npz"])  # over its own
    mine = tmp_path / "mine.npz"
    np.savez(mine, weights=np.ones(3))
    before = mine.read_bytes()
    with pytest.raises(SystemExit, match="must be a new file, or one that"):
        main(["embed", str(pictures), "--output", str(mine)])
    assert mine.read_bytes() == before
    with pytest.raises(SystemExit, match="--output must not be a folder"):
        main(["embed", str(pictures), "--output", str(tmp_path)])


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "method",
    [
        "moco",
        "dino",
        *[
            pytest.param(method, marks=pytest.mark.slow)
            for method in ("byol", "simsiam", "nnclr", "swav")
        ],
    ],
)
def test_methods(method, pictures, tmp_path):
    main(["train", method, str(pictures), *SMALL])
    run = tmp_path / "runs" / method
    settings = json.loads((run / "run.json").read_text())
    assert settings["model"] == method
    assert "by their neighbors" in (run / "report.html").read_text()
    model = keras.models.load_model(run / "model.keras")
    assert type(model).__name__.lower() == f"{method}model"
    main(["embed", str(pictures), "--model", str(run)])
    assert len(np.load("embeddings.npz")["paths"]) == 40


@pytest.mark.slow
@pytest.mark.one_backend
def test_slip(pictures, tmp_path, capsys):
    main(["train", "slip", str(pictures), *SMALL])
    run = tmp_path / "runs" / "slip"
    assert "image_loss" in (run / "history.csv").read_text()
    assert "Images that captions find" in (run / "report.html").read_text()
    assert type(keras.models.load_model(run / "model.keras")) is kc.SLIPModel
    main(["search", str(pictures), "a red star", "--model", str(run)])
    assert capsys.readouterr().out.count(".png\n") == 5 + 1


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, loss, settings",
    [
        ([], kc.losses.NTXentLoss, {"temperature": 0.2}),
        (
            ["--loss", "decoupled", "--temperature", "0.1"],
            kc.losses.DecoupledNTXentLoss,
            {"temperature": 0.1, "loss": "decoupled"},
        ),
        (["--loss", "vicreg"], "vicreg", {"loss": "vicreg"}),
    ],
)
def test_losses_of_simclr(arguments, loss, settings):
    args = build_parser().parse_args(["train", "simclr", "DIR", *arguments])
    chosen, of_run = choose_loss(args)
    assert of_run == settings
    assert chosen == loss or type(chosen) is loss
    args = ["train", "simclr", "DIR", "--loss", "vicreg", "--temperature", "1"]
    with pytest.raises(ValueError, match="--temperature is for --loss nt_xent"):
        choose_loss(build_parser().parse_args(args))


def check_zero_shot_classes(pictures, capsys):
    """The table agrees with the printed accuracy; other uses are refused."""
    classify = ["classify", str(pictures), "--model", "runs/clip"]
    for none in ([], ["--classes", "dog"]):
        with pytest.raises(SystemExit, match="--classes must be a file"):
            main([*classify, *none])
    colors = kc.datasets.shapes(1, 8, label="color").class_names
    Path("classes.txt").write_text("\n".join(colors))
    capsys.readouterr()
    main([*classify, "--classes", "classes.txt", "--templates", "a {} star"])
    out = capsys.readouterr().out
    with open("classes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    right = sum(row["image"].split("/")[0] == row["class"] for row in rows)
    assert f"Accuracy: {right / len(rows):.1%} of {len(rows)} images" in out
    Path("classes.txt").write_text("mauve\nbeige")
    main([*classify, "--classes", "classes.txt"])
    assert "images have other classes" in capsys.readouterr().out


@pytest.mark.one_backend
def test_clip_search_and_report(pictures, tmp_path, capsys, monkeypatch):
    main(["train", "clip", str(pictures), *SMALL])
    run = tmp_path / "runs" / "clip"
    out = capsys.readouterr().out
    assert "held-out captions with their image first of 4: " in out
    assert "chance 25.0%" in out and "1 epoch of batches" in out
    header = (run / "history.csv").read_text().splitlines()[0]
    assert "val_text_to_image_recall@1" in header
    capsys.readouterr()

    main(["search", str(pictures), *["red zqzq"] * 39, "red", "-k", "6"])
    out = capsys.readouterr().out
    assert out.count("(Not frequent in the captions: zqzq.)") == 39
    assert "search-10.png\nThe sheets show the first 90 of 240 results." in out
    pages = sorted(tmp_path.glob("search*.png"))
    assert len(pages) == 10
    assert read_image(pages[0], 400).std() > 10

    # Over its own.
    main(["search", str(pictures), "a red star", "qqq", "-k", "3"])
    out = capsys.readouterr().out
    assert "Not frequent" not in out
    assert out.count(".png\n") == 2 * 3 + 1  # and the contact sheet
    assert out.count("None of the words is frequent") == 1
    assert [*tmp_path.glob("search*.png")] == [tmp_path / "search.png"]

    check_zero_shot_classes(pictures, capsys)

    keras.utils.save_img("mine.png", np.zeros((8, 8, 3)))
    for output, message in (
        ("mine.png", "must be a new file"),
        ("sheet.docx", "must end in one of"),
        ("sheet", "must end in one of"),
        ("pictures/search.png", "must be outside of SOURCE"),
    ):
        with pytest.raises(SystemExit, match=message):
            main(["search", str(pictures), "red", "--output", output])

    (run / "report.html").unlink()
    main(["report", str(run)])
    assert "Images that captions find" in (run / "report.html").read_text()

    # The report uses the held-out images, regardless of later changes.
    content = json.loads((run / "split.json").read_text())
    held_out = [entry["image"] for entry in content["held_out"]]
    assert len(held_out) == 4
    shown = []
    monkeypatch.setattr(
        kc.visualization,
        "report",
        lambda model, images, captions, **kwargs: shown.append(
            (images, captions)
        ),
    )
    main(["report", str(run)])
    (pictures / "aaa.png").write_bytes((pictures / held_out[0]).read_bytes())
    with (pictures / "captions.csv").open("a") as file:
        file.write("aaa.png,a new one\n")
    main(["report", str(run)])
    np.testing.assert_array_equal(shown[0][0], shown[1][0])
    assert shown[0][1] == shown[1][1] and len(shown[0][0]) == 4
    for image in held_out[1:]:
        (pictures / image).unlink()
    with pytest.warns(UserWarning, match="3 of 40 images of this run are gone"):
        main(["report", str(run)])
    np.testing.assert_array_equal(shown[2][0], shown[0][0][:1])
    (pictures / held_out[0]).unlink()
    with pytest.warns(UserWarning, match="4 of 40 images of this run are gone"):
        with pytest.raises(SystemExit, match="No image for the report"):
            main(["report", str(run)])


@pytest.mark.one_backend
@slow_on_jax
def test_interrupted_run_resumes(pictures, tmp_path, monkeypatch, capsys):
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
        with pytest.raises(SystemExit, match="130"):
            main(command)
    assert "Stopped after epoch 1. Run the same" in capsys.readouterr().err
    # It resumes with its initial images, except deleted ones.
    first = next(pictures.rglob("*.png"))
    first.rename(first.with_name("new.png"))
    with pytest.warns(UserWarning, match="1 of 40 images of this run are gone"):
        main(command)
    out = capsys.readouterr().out
    assert "Resuming after epoch 1 of 2.\nepoch 2/2  loss " in out
    assert re.search(r"neighbors: .*%\n  untrained .*%, chance .*, most", out)
    assert "Next: python -m keras_contrastive embed" in out
    assert max(map(len, out.partition("Model:")[0].splitlines())) <= 80
    history = (tmp_path / "runs" / "simclr" / "history.csv").read_text()
    assert [row.split(",")[0] for row in history.splitlines()] == [
        "epoch",
        "0",
        "1",
    ]
    with pytest.warns(UserWarning, match="1 of 40 images of this run are gone"):
        main([*command[:-1], "3"])
    out = capsys.readouterr().out
    assert "Resuming after epoch 2 of 3.\nepoch 3/3  loss " in out
    main([*command[:-1], "1", "--force"])
    history = (tmp_path / "runs" / "simclr" / "history.csv").read_text()
    assert len(history.splitlines()) == 2


@pytest.mark.one_backend
@pytest.mark.parametrize("method", ["clip", "moco"])
def test_a_run_whose_image_is_gone_is_trained_further(
    pictures, tmp_path, method, monkeypatch
):
    built = []
    build_text_encoder = train_clip.build_text_encoder

    def spy(tokenizer, num_captions):
        built.append((tokenizer(["a red star"]).tolist(), num_captions))
        return build_text_encoder(tokenizer, num_captions)

    monkeypatch.setattr(train_clip, "build_text_encoder", spy)
    # One image less is one batch less.
    small = "--image-size 8 --batch-size 4 --encoder convnet".split()
    main(["train", method, str(pictures), *small, "--epochs", "1"])
    run = tmp_path / "runs" / method
    split = json.loads((run / "split.json").read_text())
    files = [run / "tokenizer.json"] * (method == "clip")
    before = [file.read_bytes() for file in files]
    for entry in split["train"][:8]:
        (pictures / entry["image"]).unlink()
    with pytest.warns(UserWarning, match="8 of 40 images of this run are gone"):
        main(["train", method, str(pictures), *small, "--epochs", "2"])
    assert [file.read_bytes() for file in files] == before
    assert len(read_rows(run / "history.csv")) == 2
    assert all(each == built[0] for each in built)


@pytest.mark.one_backend
def test_other_settings_do_not_resume_a_run(pictures, tmp_path):
    run = tmp_path / "runs" / "simclr"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"seed": 1}')
    with pytest.raises(SystemExit, match="interrupted run with other .*seed=1"):
        main(["train", "simclr", str(pictures), *SMALL])


@pytest.mark.one_backend
def test_errors_and_warnings_take_one_line(make_folder, tmp_path):
    folder = make_folder(3)
    (folder / "film.mp4").touch()
    command = [sys.executable, "-m", "keras_contrastive"]
    result = subprocess.run(
        [*command, "train", "simclr", folder],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert "error: Training needs at least 4 images. Received: 3" in lines
    assert "(--debug shows the traceback.)" in lines
    assert "Traceback" not in result.stderr
    (skipped,) = [line for line in lines if ".mp4" in line]
    assert skipped.startswith("warning: ") and "beside 3 images" in skipped
    assert not (tmp_path / "runs").exists()


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_closed_streams(make_folder, monkeypatch, name):
    monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit, match="at least 4 images"):
        main(["train", "simclr", str(make_folder(3))])
    assert not getattr(sys, name).isatty()


@pytest.mark.one_backend
def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(FileNotFoundError, match="SOURCE must be.*not exist"):
        main(["train", "simclr", str(tmp_path / "missing"), "--debug"])


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "command",
    [
        "train simclr",
        "train byol",
        "train clip",
        "train slip",
        "embed",
        "search",
        "report",
    ],
)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    assert f"python -m keras_contrastive {command} " in capsys.readouterr().out


@pytest.mark.one_backend
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


@pytest.mark.one_backend
def test_arguments_come_before_defaults():
    given = "--image-size 20 --batch-size 3 --epochs 5 --encoder resnet50"
    args = build_parser().parse_args(["train", "simclr", "DIR", *given.split()])
    assert choose_settings(args, 100, False) == (20, 3, 5, "resnet50")
    with pytest.raises(ValueError, match="at least 4 images. Received: 3"):
        choose_settings(args, 3, False)
    args.batch_size = 11
    with pytest.raises(ValueError, match="--batch-size must be at most 10"):
        choose_settings(args, 10, False)
