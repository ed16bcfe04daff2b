import csv

import keras
import pytest

import keras_contrastive as kc


@pytest.fixture
def make_folder(tmp_path, monkeypatch):
    """Creates a folder of images in classes, with captions in a table."""
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)

    def make(number, name="pictures", image_size=24, captions=None):
        data = kc.datasets.shapes(number, image_size, label="color")
        folder = tmp_path / name
        rows = [("image", "caption")]
        for index in range(number):
            label = data.class_names[data.labels[index]]
            image = folder / label / f"{index}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            keras.utils.save_img(image, data.images[index], scale=False)
            caption = captions or data.captions[index]
            rows.append((f"{label}/{index}.png", caption))
        with (folder / "captions.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        return folder

    return make
