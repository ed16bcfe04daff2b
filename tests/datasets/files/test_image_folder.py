import warnings

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.datasets.files import folder_scan

pytest.importorskip("PIL")

pytestmark = pytest.mark.one_backend


def save(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.utils.save_img(path, np.full((20, 30, 3), value), scale=False)


def test_subfolders_are_classes(tmp_path):
    for name in ("dogs/b/1.png", "cats/2.JPG", "dogs/3.webp", ".git/4.png"):
        save(tmp_path / name)
    (tmp_path / "dogs" / "notes.txt").write_text("no image")
    found = kc.datasets.image_folder(tmp_path)
    assert repr(found) == "<ImageFolder of 3 images, 2 classes: 'cats', 'dogs'>"
    paths, labels, class_names = found
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "cats/2.JPG",
        "dogs/3.webp",
        "dogs/b/1.png",
    ]
    assert labels.tolist() == [0, 1, 1]
    assert class_names == ["cats", "dogs"]


@pytest.mark.parametrize(
    "names", [("1.png", "a/2.png", "b/3.png"), ("a/1.png",)]
)
def test_no_classes(names, tmp_path):
    for name in names:
        save(tmp_path / name)
    found = kc.datasets.image_folder(tmp_path)
    assert len(found.paths) == len(names)
    assert found.labels is None and found.class_names is None


def test_no_images(tmp_path):
    with pytest.raises(FileNotFoundError, match="which does not exist"):
        kc.datasets.image_folder(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="must hold images"):
        kc.datasets.image_folder(tmp_path)
    (tmp_path / "tile.npy").touch()
    with pytest.raises(FileNotFoundError, match="with none .*`channels`"):
        kc.datasets.image_folder(tmp_path)


SUFFIXES = "JPEG Jfif png webp avif gif tif TIFF bmp jp2 ppm pgm".split()


def test_suffixes(tmp_path):
    for suffix in SUFFIXES:
        (tmp_path / f"1.{suffix}").touch()
    for name in ("notes.txt", "captions.csv", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kc.datasets.image_folder(tmp_path)
    assert {path.name for path in found.paths} == {f"1.{s}" for s in SUFFIXES}


@pytest.mark.parametrize("heif", [False, True])
def test_skipped_files_are_counted(heif, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_scan, "reads_heif", lambda: heif)
    folder = tmp_path / "a"
    folder.mkdir()
    for name in ("1.HEIC", "2.heic", "3.cr2", "4"):
        (folder / name).touch()
    if not heif:
        with pytest.raises(
            FileNotFoundError, match=r"2 \.heic \(.*pip install pillow-heif"
        ):
            kc.datasets.image_folder(tmp_path)
    (folder / "5.png").touch()
    with pytest.warns(UserWarning, match=r"1 \.cr2.* 1 without") as record:
        found = kc.datasets.image_folder(tmp_path)
    assert len(found.paths) == (3 if heif else 1)
    message = str(record[0].message)
    assert ("2 .heic" in message) == ("pillow-heif" in message) == (not heif)
    assert record[0].filename == __file__
    (tmp_path / "5.txt").touch()
    (tmp_path / "a" / "5.txt").write_text("night")
    with pytest.warns(UserWarning, match=r"1 \.cr2") as record:
        kc.datasets.captioned_folder(tmp_path)
    assert record[0].filename == __file__


def test_links_are_followed_but_not_in_circles(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "1.png").touch()
    (folder / "2.png").mkdir()  # no image
    try:
        (folder / "linked").symlink_to(elsewhere)
    except OSError:
        pytest.skip("this system makes no links")
    (elsewhere / "back").symlink_to(folder)
    (folder / "2.png" / "up").symlink_to(tmp_path)
    (path,) = kc.datasets.image_folder(folder).paths
    assert path == folder / "linked" / "1.png"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("captions.csv", 'image,caption\na/1.png,"one, two"\na/1.png,three\n'),
        ("captions.tsv", "caption\timage\none, two\ta/1.png\nthree\ta/1.png\n"),
        ("a/1.txt", "one, two\n\n  three \n"),
    ],
)
def test_captions(file, text, tmp_path):
    for name in ("0.png", "a/1.png"):  # the first has no caption
        save(tmp_path / name)
    (tmp_path / file).write_text(text)
    with pytest.warns(UserWarning, match=r"1 of 2 images have no(.|\n)*0\.png"):
        (record,) = kc.datasets.captioned_folder(tmp_path)
    assert record.image == tmp_path / "a" / "1.png"
    assert record.captions == ("one, two", "three")


def test_bad_captions(tmp_path):
    save(tmp_path / "1.png")
    with pytest.raises(ValueError, match="must hold captions"):
        kc.datasets.captioned_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="`captions` must be a file"):
        kc.datasets.captioned_folder(tmp_path, tmp_path / "no.csv")
    captions = tmp_path / "captions.csv"
    captions.write_text("file,text\n1.png,night\n")
    with pytest.raises(ValueError, match="names image and caption"):
        kc.datasets.captioned_folder(tmp_path)
    captions.write_text("image,image,caption\n1.png,2.png,night\n")
    with pytest.raises(ValueError, match="names image and caption"):
        kc.datasets.captioned_folder(tmp_path)
    captions.write_text("image,caption\n1.png,night\n2.png,day\n")
    with pytest.raises(ValueError, match=r"line 3: there is no.*'2\.png'"):
        kc.datasets.captioned_folder(tmp_path)


def test_image_dataset(tmp_path):
    for value in range(5):
        save(tmp_path / f"{value}.png", 50 * value)
    paths = kc.datasets.image_folder(tmp_path).paths
    dataset = kc.datasets.ImageDataset(paths, 2, image_size=8, seed=1)
    batches = list(dataset)
    assert [batch.shape for batch in batches] == [(2, 8, 8, 3)] * 2
    assert batches[0].dtype == "uint8"
    values = [int(image[0, 0, 0]) for batch in batches for image in batch]
    assert len(set(values)) == 4 and set(values) <= set(range(0, 250, 50))
