"""Commands on tables instead of folders."""

import csv
import json
import shutil

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.main import build_parser
from keras_contrastive.cli.main import main
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import columns_of
from keras_contrastive.cli.sources import find_columns
from keras_contrastive.datasets.tables.open_table import parquet_files_of
from keras_contrastive.json_files import write_json

pytestmark = pytest.mark.one_backend

for package in ("PIL", "matplotlib", "tokenizers"):
    pytest.importorskip(package)

SMALL = "--image-size 8 --batch-size 4 --epochs 1 --encoder convnet".split()


def rows_of(folder):
    """The rows of the captions.csv from `make_folder`, with classes."""
    with (folder / "captions.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    return [(image, caption, image.split("/")[0]) for image, caption in rows]


@pytest.fixture
def table(make_folder, tmp_path):
    """A table of 20 images, one of which is missing."""
    folder = make_folder(20, image_size=12)
    rows = rows_of(folder)
    rows[5] = ("none.png", *rows[5][1:])
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "text", "color"), *rows])
    (folder / "captions.csv").unlink()
    return folder / "table.csv"


@pytest.fixture
def parquet(make_folder, tmp_path):
    """A folder of two Parquet files with images and captions."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    folder = make_folder(20, image_size=12)
    rows = rows_of(folder)
    (tmp_path / "data").mkdir()
    for part in range(2):
        some = rows[10 * part : 10 * part + 10]
        columns = {
            "image": [
                {"bytes": (folder / image).read_bytes(), "path": None}
                for image, *_ in some
            ],
            "caption": [[caption, "a shape"] for _, caption, _ in some],
        }
        path = tmp_path / "data" / f"{part}.parquet"
        parquet.write_table(pa.table(columns), path, row_group_size=4)
    shutil.rmtree(folder)
    return tmp_path / "data"


def test_images_of_a_table(table, tmp_path, capsys):
    columns = ["--image-column", "file", "--label-column", "color"]
    with pytest.warns(UserWarning, match="1 of 20 images.*\n.*none.png"):
        main(["train", "simclr", str(table), *columns, *SMALL])
    run = tmp_path / "runs" / "simclr"
    settings = json.loads((run / "run.json").read_text())
    assert settings["folder"] == str(table)
    assert settings["image_column"] == "file"
    assert settings["label_column"] == "color"
    assert "caption_columns" not in settings
    assert "by their neighbors" in (run / "report.html").read_text()

    with pytest.warns(UserWarning, match="none.png"):
        main(["embed", str(table), "--label-column", "color"])
    vectors = np.load("embeddings.npz")
    assert len(vectors["paths"]) == len(vectors["embeddings"]) == 19
    for path, label in zip(vectors["paths"], vectors["labels"], strict=True):
        assert path.split("/")[0] == vectors["class_names"][label]
    (run / "report.html").unlink()
    with pytest.warns(UserWarning, match="none.png"):
        main(["report", str(run)])
    assert "by their neighbors" in (run / "report.html").read_text()

    table.write_text(table.read_text().replace("none.png", "more.png"))
    with pytest.raises(SystemExit, match="table.csv has changed since"):
        main(["report", str(run)])
    table.unlink()
    with pytest.raises(SystemExit, match="The table of this run is gone"):
        main(["report", str(run)])


def test_clip_on_parquet(parquet, tmp_path, capsys):
    main(["train", "clip", str(parquet), *SMALL])
    run = tmp_path / "runs" / "clip"
    settings = json.loads((run / "run.json").read_text())
    assert settings["caption_columns"] == ["caption"]
    split = json.loads((run / "split.json").read_text())
    assert len(split["held_out"]) == 2 and len(split["train"]) == 18
    assert sorted(split["held_out"] + split["train"]) == list(range(20))
    assert "recall" in (run / "history.csv").read_text()
    assert "Images that captions find" in (run / "report.html").read_text()
    capsys.readouterr()
    main(["search", str(parquet), "a red star", "-k", "3"])
    out = capsys.readouterr().out
    assert out.count("  row ") == 3
    main(["embed", str(parquet), "--model", str(run)])
    names = np.load("embeddings.npz")["paths"].tolist()
    assert names == [f"row {row}" for row in range(20)]


def test_an_interrupted_run_resumes(table, tmp_path, monkeypatch):
    class Interruption(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    columns = ["--image-column", "file", "--caption-column", "text"]
    command = ["train", "clip", str(table), *columns, *SMALL, "--epochs", "2"]
    callbacks = RunFolder.callbacks
    with monkeypatch.context() as patch, pytest.warns(match="none.png"):
        patch.setattr(
            RunFolder,
            "callbacks",
            lambda self: [*callbacks(self), Interruption()],
        )
        with pytest.raises(SystemExit, match="130"):
            main(command)
    with pytest.raises(SystemExit, match="other settings, caption_columns="):
        main([*command, "--caption-column", "color"])
    content = table.read_bytes()
    table.write_bytes(content + b"new.png,a new one,red\n")
    with pytest.raises(SystemExit, match="table.csv has changed since the run"):
        main(command)
    table.write_bytes(content)
    with pytest.warns(match="none.png"):
        main(command)
    history = (tmp_path / "runs" / "clip" / "history.csv").read_text()
    epochs = [row.split(",")[0] for row in history.splitlines()]
    assert epochs == ["epoch", "0", "1"]


@pytest.mark.parametrize(
    "command, message",
    [
        ("train simclr {table}", r"`image` must.*\['file', .*Rec.*'image'"),
        (
            "train clip {table} --image-column file",
            "`captions` must name a column .*'text'.*Received: 'caption'",
        ),
        (
            "train byol {table} --image-column file --label-column x",
            "`label` must name a column .*'color'.*Received: 'x'",
        ),
        ("train simclr {folder} --image-column x", "--image-column is for tab"),
        (
            "train clip {folder} --caption-column x",
            "--caption-column is for tables.*a folder of images",
        ),
        ("train simclr nothing --label-column x", "which does not exist"),
        ("train clip {table} --captions x.csv", "--captions is for folders"),
        ("train simclr {folder}/broken.xlsx", "file of .csv, .tsv"),
    ],
)
def test_errors_before_training(table, tmp_path, command, message):
    (table.parent / "broken.xlsx").touch()
    command = command.format(table=table, folder=table.parent)
    with pytest.raises(SystemExit, match=message):
        main([*command.split(), *SMALL])
    assert not (tmp_path / "runs").exists()


def test_a_link_to_a_table(table, capsys, tmp_path):
    """As in the cache of Hugging Face, whose files have no suffix."""
    store = tmp_path / "store"
    store.mkdir()
    table.rename(store / "0123abcd")
    table.symlink_to(store / "0123abcd")
    # Of the current folder: both names are relative.
    link = table.relative_to(tmp_path)
    with pytest.warns(UserWarning, match="none.png"):
        main(["train", "simclr", str(link), "--image-column", "file", *SMALL])
    settings = json.loads((tmp_path / "runs/simclr/run.json").read_text())
    assert settings["folder"] == str(table)
    with pytest.warns(UserWarning, match="none.png"):
        main(["report", "runs/simclr"])


def parse(command):
    return build_parser().parse_args(command.split())


def test_what_is_a_table(tmp_path, monkeypatch, make_folder):
    bands = Channels(5, None, [0, 10000])
    for name in ("tiles", "table", "links"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.parquet").touch()
    np.save(tmp_path / "tiles" / "1.npy", np.zeros((4, 4, 5), "uint16"))
    (tmp_path / "links" / "2024").symlink_to(make_folder(3))
    for name, channels, is_table in (
        ("tiles", Channels(), True),
        ("tiles", bands, False),
        ("table", bands, True),
        ("links", Channels(), False),
    ):
        args = parse(f"embed {tmp_path / name}")
        assert (columns_of(args, channels) is not None) == is_table
    # A folder may have the name of a table; a link may lead back.
    (tmp_path / "table" / "more.parquet").mkdir()
    (tmp_path / "table" / "more.parquet" / "b.parquet").touch()
    (tmp_path / "table" / "up").symlink_to(tmp_path / "table")
    assert parquet_files_of(tmp_path / "table") == [
        tmp_path / "table" / "a.parquet",
        tmp_path / "table" / "more.parquet" / "b.parquet",
    ]


def test_the_column_of_a_run(table, tmp_path):
    """`train classifier` stores the column of images that it has read."""
    args = parse(f"train classifier {table} --label-column color")
    columns = find_columns(args, {"image_column": "file"}, Channels())
    assert columns == ("file", None, "color")
    args.image_column = "other"
    columns = find_columns(args, {"image_column": "file"}, Channels())
    assert columns == ("other", None, "color")


def test_vectors_are_not_written_into_the_table(parquet, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.model.touch()
    settings = {"model": "simclr", "folder": str(parquet), "image_size": 8}
    write_json(settings, run.path / "run.json")
    embed = ["embed", str(parquet), "--model", str(run.path), "--output"]
    for output in (["data/vectors.parquet"], ["data/more", "--shard", "1/2"]):
        with pytest.raises(SystemExit, match="must be outside of SOURCE"):
            main([*embed, *output])


def test_names_of_images(tmp_path):
    pixels = np.zeros((8, 8, 3), "uint8")
    keras.utils.save_img(tmp_path / "a.png", pixels)
    path = {"bytes": None, "path": str(tmp_path / "a.png")}
    records = kc.datasets.image_records({"image": [path, pixels]})
    loaded = load_images(records[::-1], 8, Channels())
    assert loaded.names == ["row 1", str(tmp_path / "a.png")]
    assert loaded.places == [0, 1]
