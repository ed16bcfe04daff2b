"""Runs on images that are not 8-bit RGB."""

import json

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.main import build_parser
from keras_contrastive.cli.main import main
from keras_contrastive.json_files import write_json
from keras_contrastive.visualization import report_parts
from tests.fuzz.readers import tiff

for package in ("PIL", "matplotlib", "tifffile", "tokenizers"):
    pytest.importorskip(package)

pytestmark = pytest.mark.one_backend

SMALL = "--image-size 16 --batch-size 8 --epochs 1".split()
COUNT = 24


@pytest.fixture
def tiles(tmp_path, monkeypatch):
    """16-bit TIFFs of 4 bands: blue, green, red and infrared."""
    monkeypatch.chdir(tmp_path)
    data = kc.datasets.shapes(COUNT, 20, label="color")
    infrared = np.random.default_rng(0).integers(0, 256, (COUNT, 20, 20, 1))
    bands = np.concatenate([data.images[..., ::-1], infrared], axis=-1)
    rows = ["image,caption"]
    for index, tile in enumerate(40 * bands.astype("uint16")):
        place = f"{data.labels[index] % 2}/{index}.tif"
        path = tmp_path / "tiles" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        gray = {"photometric": "minisblack", "planarconfig": "contig"}
        path.write_bytes(tiff(tile, **gray))
        rows.append(f'{place},"{data.captions[index][0]}"')
    (tmp_path / "tiles" / "captions.csv").write_text("\n".join(rows))
    return tmp_path / "tiles"


OPTIONS = "--channels 4 --rgb-channels 2,1,0 --value-range 0,10200".split()


def spy_on_pictures(monkeypatch):
    shown = []
    views_of = report_parts.views

    def views(images, *args):
        shown.append(images)
        return views_of(images, *args)

    monkeypatch.setattr(report_parts, "views", views)
    return shown


def test_simclr(tiles, tmp_path, monkeypatch):
    shown = spy_on_pictures(monkeypatch)
    main(["train", "simclr", str(tiles), *SMALL, *OPTIONS])
    run = tmp_path / "runs" / "simclr"
    settings = json.loads((run / "run.json").read_text())
    assert settings["channels"] == 4 and settings["rgb_channels"] == [2, 1, 0]
    assert settings["value_range"] == [0, 10200]
    model = keras.models.load_model(run / "model.keras")
    assert model.encoder.input_shape == (None, 16, 16, 4)
    layers = {type(layer).__name__: layer for layer in model.augmenter.layers}
    assert layers["RandomGrayscale"].rgb_channels == (2, 1, 0)
    page = (run / "report.html").read_text()
    assert "channels 2, 1, 0 as red, green and blue" in page
    assert shown[0].shape[-1] == 3

    main(["embed", str(tiles)])
    vectors = np.load("embeddings.npz")
    paths = [tiles / path for path in vectors["paths"]]
    dataset = kc.datasets.ImageDataset(
        paths, COUNT, 16, shuffle=False, channels=4, value_range=(0, 10200)
    )
    # The picture shows these channels.
    places = [paths.index(tiles / p) for p in vectors["paths"]]
    assert any(
        np.allclose(
            dataset[0][place][..., [2, 1, 0]], shown[0][0] / 255, atol=0.01
        )
        for place in places
    )
    np.testing.assert_allclose(
        vectors["embeddings"],
        model.predict(dataset, verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )


def test_some_channels_without_color(tiles, tmp_path, monkeypatch):
    shown = spy_on_pictures(monkeypatch)
    options = "--channels 3,0 --value-range 0,10200".split()
    main(["train", "simsiam", str(tiles), *SMALL, *options])
    run = tmp_path / "runs" / "simsiam"
    model = keras.models.load_model(run / "model.keras")
    assert model.encoder.input_shape[-1] == 2
    assert np.all(shown[0] == shown[0][..., :1])
    assert "the first of 2 channels, as gray" in (
        (run / "report.html").read_text()
    )


@pytest.mark.parametrize(
    "method", ["clip", pytest.param("slip", marks=pytest.mark.slow)]
)
def test_captions(method, tiles, tmp_path, capsys):
    main(["train", method, str(tiles), *SMALL, *OPTIONS])
    run = tmp_path / "runs" / method
    model = keras.models.load_model(run / "model.keras")
    assert model.augmenter.layers[-1].rgb_channels == (2, 1, 0)
    page = (run / "report.html").read_text()
    assert "channels 2, 1, 0 as red" in page
    main(["search", str(tiles), "a red star", "--model", str(run)])
    out = capsys.readouterr().out
    assert "search.png (channels 2, 1, 0 as red, green and blue)" in out
    assert out.count(".tif\n") == 5


def test_interrupted_run_with_other_channels(tiles, tmp_path):
    run = tmp_path / "runs" / "simclr"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"channels": 5}')
    with pytest.raises(SystemExit, match="other settings.*channels=5"):
        main(["train", "simclr", str(tiles), *SMALL, *OPTIONS])


@pytest.mark.parametrize("command", ["train simclr", "train clip", "embed"])
def test_arrays_are_not_written_among_the_tiles(tiles, tmp_path, command):
    """They would be images, unlike those beside photographs."""
    if command == "embed":
        run = tmp_path / "runs" / "simclr"
        run.mkdir(parents=True)
        (run / "model.keras").touch()
        settings = {"model": "simclr", "folder": str(tiles), "image_size": 8}
        bands = {"channels": 4, "value_range": [0, 10200]}
        write_json({**settings, **bands}, run / "run.json")
        arguments = ["--output", str(tiles / "embeddings.npz")]
    else:
        arguments = ["--output", str(tiles / "runs/x"), *SMALL, *OPTIONS]
    before = sorted(tiles.rglob("*"))
    with pytest.raises(SystemExit, match="--output must be outside of SOURCE"):
        main([*command.split(), str(tiles), *arguments])
    assert sorted(tiles.rglob("*")) == before


def test_without_the_arguments(tiles):
    with pytest.raises(SystemExit, match="`channels` and `value_range`"):
        main(["train", "simclr", str(tiles), *SMALL])
    with pytest.raises(SystemExit, match="uint16 need `value_range`"):
        main(["train", "simclr", str(tiles), *SMALL, "--channels", "4"])
    with pytest.raises(SystemExit, match="must have 13 channels"):
        main(["train", "simclr", str(tiles), *SMALL, "--channels", "13"])


@pytest.mark.parametrize("model", ["simclr", "clip"])
@pytest.mark.parametrize(
    ("option", "wrong", "expected"),
    [
        ("--channels", ["0", "-1", "1.5", "all", "1,,2", ""], "number of"),
        ("--rgb-channels", ["1", "1,2", "1,1,2", "0,1,x"], "three different"),
        ("--value-range", ["1", "1,0", "0,0", "0,nan", "0,inf"], "two numbers"),
    ],
)
def test_arguments(model, option, wrong, expected, capsys):
    for value in wrong:
        with pytest.raises(SystemExit, match="2"):
            build_parser().parse_args(
                ["train", model, "D", f"{option}={value}"]
            )
        message = capsys.readouterr().err
        assert f"argument {option}: must be" in message
        assert expected in message


@pytest.mark.parametrize(
    "options, message",
    [
        ("--rgb-channels 2,1,0", "--rgb-channels requires --channels or"),
        ("--channels 4 --rgb-channels 4,1,0", "--rgb-channels must be less"),
        ("--channels 7,5 --rgb-channels 2,1,0", "must be less than 2"),
    ],
)
@pytest.mark.parametrize("model", ["simclr", "clip"])
def test_contradictions(model, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        main(["train", model, str(tmp_path), *options.split()])
    assert not [*tmp_path.iterdir()]


def test_settings():
    parse = build_parser().parse_args
    plain = Channels.of(vars(parse(["train", "simclr", "D"])))
    assert plain.settings() == {} and plain.reads_rgb and plain.number == 3
    options = ["--channels=8,3", "--value-range=-1.5,2"]
    some = Channels.of(vars(parse(["train", "simclr", "D", *options])))
    assert some == Channels([8, 3], None, [-1.5, 2]) and some.number == 2
    assert Channels.of(json.loads(json.dumps(some.settings()))) == some
