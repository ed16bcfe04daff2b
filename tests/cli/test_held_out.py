import json

import pytest

from keras_contrastive.cli.held_out import from_json
from keras_contrastive.cli.held_out import hold_out
from keras_contrastive.cli.held_out import to_json
from keras_contrastive.datasets import CaptionedImage

pytestmark = pytest.mark.one_backend


def records(folder, number):
    return [
        CaptionedImage(folder / "a b" / f"{i}%é\udc80.png", (f"${i}",), i)
        for i in range(number)
    ]


@pytest.mark.parametrize(
    ("number", "held_out"),
    [(5, 1), (6, 2), (19, 2), (40, 4), (200, 20), (20_000, 1000)],
)
def test_number_of_held_out_images(number, held_out, tmp_path):
    every = records(tmp_path, number)
    split = hold_out(every)
    assert len(split.held_out) == held_out
    assert split.num_train == len(split.train) == number - held_out
    assert sorted([*split.train, *split.held_out]) == sorted(every)
    assert hold_out(every) == split


def test_round_trip_through_json(tmp_path):
    every = records(tmp_path, 12)
    every[0].image.parent.mkdir()
    for record in every:
        record.image.touch()
    split = hold_out(every)
    content = json.loads(json.dumps(to_json(split, tmp_path)))
    assert not content["train"][0]["image"].startswith("/")
    settings = {"folder": str(tmp_path)}
    again = from_json(content, settings)
    for part in ("train", "held_out"):
        assert [each[:2] for each in getattr(again, part)] == [
            each[:2] for each in getattr(split, part)
        ]
    split.train[3].image.unlink()
    split.held_out[0].image.unlink()
    with pytest.warns(UserWarning, match="2 of 12 images of this run are gone"):
        again = from_json(content, settings)
    assert again.num_train == 10
    assert (len(again.train), len(again.held_out)) == (9, 1)
