"""Few, odd or damaged images: they raise early, or train to the end."""

import struct
import zlib

import keras
import numpy as np
import pytest

from keras_contrastive.cli.images import max_bad_fraction
from keras_contrastive.cli.main import main
from tests.encoders.marks import slow_on_jax

pytestmark = pytest.mark.one_backend

for package in ("PIL", "matplotlib", "tokenizers"):
    pytest.importorskip(package)

SMALL = "--image-size 8 --batch-size 2 --epochs 1".split()


def png_of_16_bits(path):
    """A 16-bit color PNG, which Pillow cannot write."""

    def chunk(name, content):
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">HHH", 65535, 0, 30000))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def odd_images(folder):
    """Images of one pixel, gray, transparent or 16-bit, in odd classes."""
    one = np.full((1, 1, 1), 200, "uint8")
    for name, image in (
        ("_gray", one),
        ("$alpha^{", np.full((1, 1, 4), 100, "uint8")),
        ("100% {x} é", np.tile(one, (1, 1, 3))),
    ):
        (folder / name).mkdir(parents=True)
        keras.utils.save_img(folder / name / "1.png", image, scale=False)
    png_of_16_bits(folder / "_gray" / "2.png")
    for path in list(folder.rglob("1.png")):
        path.with_suffix(".txt").write_text("the $same caption_{\n")
    (folder / "_gray" / "2.txt").write_text("the $same caption_{\n")


@slow_on_jax
@pytest.mark.parametrize("model", ["simclr", "clip"])
def test_five_odd_images(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    odd_images(tmp_path / "a b%s")
    fifth = tmp_path / "a b%s" / "_gray" / "5.png"
    fifth.write_bytes((fifth.parent / "1.png").read_bytes())
    fifth.with_suffix(".txt").write_text("the $same caption_{\n")
    main(["train", model, "a b%s/", "--output", "my runs/1%/", *SMALL])
    page = (tmp_path / "my runs" / "1%" / "report.html").read_text()
    assert "Views" in page


@pytest.mark.parametrize(
    ("number", "message"),
    [(0, "must hold images"), (1, "at least 5 images"), (4, "Received: 4")],
)
def test_too_few_images(make_folder, tmp_path, number, message):
    folder = make_folder(number) if number else tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    with pytest.raises(SystemExit, match=message):
        main(["train", "clip", str(folder), "--output", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


@slow_on_jax
def test_a_failed_start_does_not_block_the_corrected_command(
    make_folder, tmp_path, monkeypatch
):
    folder = make_folder(12)
    train = ["train", "simclr", str(folder), "--output", "run"]
    with pytest.raises(SystemExit, match="--batch-size must be at most 12"):
        main([*train, "--batch-size", "100"])
    images = sorted(folder.rglob("*.png"))
    contents = [image.read_bytes() for image in images]
    for image in images[:4]:
        image.write_bytes(b"damaged")
    with pytest.raises(SystemExit, match="of 12 images cannot be used"):
        main([*train, *SMALL])
    assert not (tmp_path / "run").exists()

    images[0].write_bytes(contents[0])
    with pytest.warns(UserWarning, match="3 of 12 images"):
        main([*train, *SMALL])
    assert (tmp_path / "run" / "report.html").is_file()


@slow_on_jax
def test_damaged_held_out_images(make_folder, tmp_path):
    folder = make_folder(12, captions="one caption for all")
    train = ["train", "clip", str(folder), "--output", "run", *SMALL]
    # The first two that the split's generator draws.
    held_out = np.random.default_rng(0).permutation(12)[:2]
    images = sorted(
        folder.rglob("*.png"), key=lambda path: path.relative_to(folder)
    )
    images[held_out[0]].write_bytes(b"damaged")
    other = images[held_out[1]].read_bytes()
    images[held_out[1]].write_bytes(b"damaged")
    with pytest.raises(SystemExit, match="2 of 2 images cannot be used"):
        main(train)
    assert not (tmp_path / "run").exists()
    images[held_out[1]].write_bytes(other)
    with pytest.warns(UserWarning, match="1 of 2 images cannot be used"):
        main(train)
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize(
    ("number", "allowed"), [(4, 1), (19, 4), (40, 5), (500, 5), (2000, 20)]
)
def test_number_of_tolerated_damaged_images(number, allowed):
    limit = max_bad_fraction(number) * number
    assert allowed <= limit < allowed + 1
