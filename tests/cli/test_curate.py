"""`curate`, on a folder with a duplicate, an outlier and a wrong label."""

import csv
import shutil

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli.main import main
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.json_files import write_json

pytestmark = pytest.mark.one_backend
COLORS = {"red": (200, 20, 20), "green": (20, 200, 20)}


@pytest.fixture
def photos(tmp_path, monkeypatch, rng):
    """A folder of images of two colors, and a run whose model sees colors."""
    for package in ("PIL", "matplotlib", "sklearn"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for number in range(12):
            save(folder / name / f"{number}.png", color, rng)
    save(folder / "red" / "wrong.png", COLORS["green"], rng)
    save(folder / "green" / "strange.png", (10, 10, 200), rng)
    shutil.copy(folder / "red" / "3.png", folder / "red" / "copy.png")
    pixels = keras.Input((8, 8, 3))
    colors = keras.layers.GlobalAveragePooling2D()(pixels)
    model = kc.SimCLRModel(keras.Model(pixels, colors))
    model.build((None, 8, 8, 3))
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    model.save(run.model)
    settings = {"model": "simclr", "folder": str(folder), "image_size": 8}
    write_json(settings, run.path / "run.json")
    return folder


def save(path, color, rng):
    image = color + rng.integers(-20, 20, 3) * np.ones((8, 8, 1))
    keras.utils.save_img(path, image, scale=False)


def curate(source, *options):
    main(["curate", str(source), "--model", "run", *options])


def rows_of(path):
    with path.open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def test_finds_planted_problems(photos, tmp_path, capsys):
    curate(photos, "--show", "4")
    printed = capsys.readouterr().out
    folder = tmp_path / "run" / "curation"
    rows = rows_of(folder / "curation.csv")
    assert len(rows) == 27
    assert rows["red/copy.png"]["nearest"] == "red/3.png"
    assert rows["red/copy.png"]["similarity"] == "1.0000"
    assert max(rows, key=lambda name: float(rows[name]["outlier"])) == (
        "green/strange.png"
    )
    wrong = rows["red/wrong.png"]
    assert (wrong["label"], wrong["suggestion"]) == ("red", "green")
    assert float(wrong["label_error"]) > 0.5
    for subset in ("typical", "diverse"):
        chosen = sorted(row[subset] for row in rows.values() if row[subset])
        assert chosen == ["1", "2", "3", "4"]
    assert {path.stem for path in folder.glob("*.png")} == {
        *("duplicates", "outliers", "typical", "diverse", "label_errors")
    }
    assert "serve" in printed.splitlines()[-1]

    (tmp_path / "one_class").mkdir()
    for name in ("1", "2"):
        shutil.copy(photos / "red" / f"{name}.png", tmp_path / "one_class")
    with pytest.raises(SystemExit, match="--force"):
        curate(tmp_path / "one_class")
    assert len(rows_of(folder / "curation.csv")) == 27
    curate(tmp_path / "one_class", "--force")
    assert "No label_errors.png" in capsys.readouterr().out
    assert "label" not in rows_of(folder / "curation.csv")["1.png"]
    assert not (folder / "label_errors.png").exists()


def test_refuses_invalid_requests(photos, tmp_path):
    mine = tmp_path / "mine" / "outliers.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    with pytest.raises(SystemExit, match="which it has not"):
        curate(photos, "--output", "mine", "--force")
    assert mine.read_bytes() == b"mine"
    with pytest.raises(SystemExit, match="must be outside of SOURCE"):
        curate(photos, "--output", str(photos / "found"))
    with pytest.raises(SystemExit, match="no finished run"):
        main(["curate", str(photos), "--model", "nothing"])
    single = tmp_path / "single"
    single.mkdir()
    shutil.copy(photos / "red" / "1.png", single)
    with pytest.raises(SystemExit, match="at least two readable images"):
        curate(single)
    assert not (tmp_path / "run" / "curation").exists()
