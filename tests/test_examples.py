"""The examples run, at small size, and leave what they say they leave."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_contrastive as kc

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[1]
FLICKR = ROOT.parent / "shared" / "data" / "flickr30k_format"
CIFAR10 = ROOT.parent / "shared" / "data" / "tfds"


def run(example, *arguments, launcher=()):
    path = ROOT / "examples" / example
    result = subprocess.run(
        [sys.executable, *launcher, path, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_quickstart_simclr(tmp_path):
    pytest.importorskip("matplotlib")
    size = ("--images", 512, "--epochs", 1)
    out = run("quickstart_simclr.py", "--output", tmp_path, *size)
    table = (tmp_path / "simclr.md").read_text().strip()
    assert table in out
    assert [row.split("|")[1].strip() for row in table.splitlines()] == [
        "features",
        "---",
        "random init",
        "raw pixels",
        "SimCLR",
    ]
    for picture in ("views.png", "embeddings.png"):
        assert (tmp_path / picture).stat().st_size > 10_000


def test_quickstart_clip(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("tokenizers")
    size = ("--images", 512, "--epochs", 1)
    out = run("quickstart_clip.py", "--output", tmp_path, *size)
    assert (tmp_path / "clip.md").read_text().strip() in out
    assert (tmp_path / "zero_shot.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "method", ["lit", pytest.param("full", marks=pytest.mark.slow)]
)
def test_finetune_clip(method, tmp_path):
    for package in ("safetensors", "tokenizers", "PIL"):
        pytest.importorskip(package)
    small = "--images 128 --epochs 1 --batch-size 64".split()
    rehearsal = ("--output", tmp_path, *small, "--learning-rate", 1e-3)
    out = run("finetune_clip.py", "--method", method, *rehearsal)
    assert (tmp_path / "results.md").read_text().strip() in out
    assert out.count("to image recall@") == 3
    before, after = (
        kc.CLIPModel.from_checkpoint(tmp_path / folder).image_encoder
        for folder in ("random", "checkpoint")
    )
    same = [
        np.array_equal(old, new)
        for old, new in zip(
            before.get_weights(), after.get_weights(), strict=True
        )
    ]
    assert all(same) if method == "lit" else not any(same)


def test_distributed():
    backend = keras.backend.backend()
    script = f"distributed/simclr_{backend}.py"
    size = ("--images", 64, "--batch-size", 16, "--epochs", 1)
    if backend == "torch":
        launch = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
        out = run(script, *size, launcher=launch)
    else:
        out = run(script, *size, "--cpu-devices", 2)
    assert "Trained on 2 devices." in out


@pytest.mark.slow
def test_augmented_classifier():
    out = run("augmented_classifier.py", "--images", 256, "--epochs", 1)
    assert out.count(": train ") == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["signals", "volumes"])
def test_simclr_on_other_data(kind, tmp_path):
    pytest.importorskip("matplotlib")
    size = (f"--{kind}", 512, "--epochs", 1)
    out = run(f"simclr_{kind}.py", "--output", tmp_path, *size)
    assert (tmp_path / "results.md").read_text().strip() in out
    assert "| SimCLR | " in out
    assert (tmp_path / "embeddings.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("example", ["audio_text", "image_table"])
def test_two_towers(example, tmp_path):
    pytest.importorskip("tokenizers")
    count = "--sounds" if example == "audio_text" else "--images"
    size = (count, 256, "--epochs", 1)
    out = run(f"{example}.py", "--output", tmp_path, *size)
    assert (tmp_path / "results.md").read_text().strip() in out
    assert out.count("| trained | ") == out.count("| chance | ") == 1
    model = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(model, kc.DualEncoderModel)


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        "made up",
        pytest.param(
            "photographs",
            marks=pytest.mark.skipif(
                not FLICKR.is_dir(),
                reason="there are no photographs in "
                "../shared/data/flickr30k_format",
            ),
        ),
    ],
)
def test_simcse_captions(data, tmp_path):
    pytest.importorskip("tokenizers")
    folder = () if data == "made up" else ("--data-dir", FLICKR)
    size = ("--scenes", 200, "--epochs", 1)
    out = run("simcse_captions.py", "--output", tmp_path, *folder, *size)
    assert (tmp_path / "results.md").read_text().strip() in out
    model = keras.models.load_model(tmp_path / "model.keras")
    assert model.predict(np.ones((2, 32), "int32"), verbose=0).shape == (2, 256)


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, sizes, line",
    [
        ("harder_pairs.py", (), "| CLIP, negative captions | "),
        (
            "distil_clip.py",
            ("--teacher-images", 256, "--teacher-epochs", 1),
            "| student, distilled | ",
        ),
    ],
)
def test_short_comparisons_of_clips(script, sizes, line, tmp_path):
    pytest.importorskip("tokenizers")
    sizes = ("--images", 256, "--epochs", 1, *sizes)
    out = run(script, "--output", tmp_path, *sizes)
    assert line in out
    assert (tmp_path / "results.md").read_text().strip() in out


needs_cifar10 = pytest.mark.skipif(
    not (CIFAR10 / "cifar10").is_dir(),
    reason="CIFAR-10 is not prepared in ../shared/data/tfds",
)


@pytest.mark.slow
@needs_cifar10
@pytest.mark.parametrize(
    "script, sizes, line",
    [
        ("many_bands.py", ("--test-images", 64), "| all five | "),
        ("distillation.py", ("--teacher-epochs", 1), "| student, distilled | "),
    ],
)
def test_short_comparisons_on_cifar10(script, sizes, line, tmp_path):
    pytest.importorskip("tensorflow_datasets")
    sizes = ("--images", 256, "--epochs", 1, *sizes)
    out = run(script, "--data-dir", CIFAR10, "--output", tmp_path, *sizes)
    assert line in out
    assert (tmp_path / "results.md").read_text().strip() in out


@needs_cifar10
def test_simclr_cifar10(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    size = ("--images", 256, "--batch-size", 128, "--width", 8, "--epochs", 1)
    out = run(
        "simclr_cifar10.py", "--data-dir", CIFAR10, "--output", tmp_path, *size
    )
    assert "| SimCLR | " in out
    model = keras.models.load_model(tmp_path / "model.keras")
    images = np.zeros((2, 32, 32, 3), "uint8")
    assert model.predict(images, verbose=0).shape == (2, 64)
    assert (tmp_path / "history.csv").read_text().count("\n") == 2
    for made in ("results.md", "views.png", "embeddings.png"):
        assert (tmp_path / made).stat().st_size > 50


@pytest.mark.slow
def test_finetune_cifar10(tmp_path):
    size = "--images 512 --epochs 1 --width 4 --steps 4"
    out = run("finetune_cifar10.py", "--output", tmp_path, *size.split())
    table = (tmp_path / "results.md").read_text().strip()
    assert table in out
    assert [row.split("|")[1].strip() for row in table.splitlines()] == [
        "labels",
        "---",
        "1%",
        "10%",
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    not FLICKR.is_dir(),
    reason="there are no photographs in ../shared/data/flickr30k_format",
)
def test_clip_flickr30k_and_search(tmp_path):
    for package in ("matplotlib", "tokenizers", "PIL"):
        pytest.importorskip(package)
    size = "--images 128 --epochs 1 --batch-size 64 --width 8 --image-size 32"
    size += " --patch-epochs 1"
    out = run(
        "clip_flickr30k.py",
        *("--data-dir", FLICKR, "--output", tmp_path),
        *size.split(),
    )
    assert "| text to image | " in out
    assert "1000 images, 5000 captions" in out
    for made in (
        "captions_of_images.png",
        "images_of_captions.png",
        "zero_shot.png",
        "results.md",
        "network/history.csv",
        "patches2/history.csv",
    ):
        assert (tmp_path / made).stat().st_size > 50
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    some = sorted((FLICKR / "flickr30k_images").iterdir())[:8]
    for path in some:
        (photographs / path.name).write_bytes(path.read_bytes())
    (photographs / "broken.jpg").write_bytes(some[0].read_bytes()[:500])
    sheet = tmp_path / "search.png"
    out = run(
        "search_images.py",
        *(photographs, "a dog", "two children on a beach"),
        *("--model", tmp_path, "--output", sheet, "-k", 3),
    )
    assert out.count(".jpg") == 6
    assert sheet.stat().st_size > 10_000


def test_embed_with_ray(tmp_path):
    """Skipped by `make test`, which does not install Ray."""
    pytest.importorskip("ray.data", reason="needs ray[data]")
    pytest.importorskip("PIL", reason="needs Pillow")
    photos, model = tmp_path / "photos", tmp_path / "run"
    photos.mkdir(), model.mkdir()
    for number, image in enumerate(kc.datasets.shapes(20, 16).images):
        keras.utils.save_img(photos / f"{number}.png", image, scale=False)
    (photos / "broken.png").write_bytes(b"no image")
    pixels = keras.Input((16, 16, 3))
    colors = keras.layers.GlobalAveragePooling2D()(pixels)
    keras.Model(pixels, colors).save(model / "model.keras")
    (model / "run.json").write_text('{"image_size": 16}')
    output = tmp_path / "vectors"
    out = run("embed_with_ray.py", photos, output, "--model", model)
    assert "vectors: 20 x 3" in out
    index = kc.index.EmbeddingIndex.from_parquet(output)
    assert {Path(path).stem for path in index.ids} == set(map(str, range(20)))
