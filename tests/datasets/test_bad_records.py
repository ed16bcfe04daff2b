import warnings

import pytest

from keras_contrastive.datasets.bad_records import BadRecords

pytestmark = pytest.mark.one_backend


def test_each_name_counts_once():
    bad_records = BadRecords("images cannot be read", 10, 0.1)
    bad_records.add("a", "first reason")
    bad_records.add("a", "second reason")
    assert len(bad_records) == 1
    assert bad_records.reasons == {"a": "first reason"}


def test_raises_on_more_than_the_largest_fraction():
    bad_records = BadRecords("images cannot be read", 10, 0.1)
    bad_records.check()
    bad_records.add("a", "damaged")
    bad_records.check()
    bad_records.add("b")
    message = (
        "2 of 10 images cannot be read:\n- a: damaged\n- b\nAt most 10% may"
    )
    with pytest.raises(ValueError, match=message):
        bad_records.check()


def test_repeats_neither_paths_nor_reasons():
    described = BadRecords("images cannot be read", 10, 0.9)
    for index, reason in enumerate(["broken", "broken", "empty"]):
        path = f"folder/{index} .png"
        reason = f"The image {path!r} is {reason}"
        described.add(f"images[{index}], {path}", reason)
    assert described.describe().splitlines()[1:] == [
        "- images[0], folder/0 .png: The image is broken",
        "- images[1], folder/1 .png: the same",
        "- images[2], folder/2 .png: The image is empty",
    ]


def test_warns_once_of_each_and_of_five_by_name():
    bad_records = BadRecords("images cannot be read", 10, 0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bad_records.warn("They are left out.")
    for name in "abcdefg":
        bad_records.add(name)
    lines = ["7 of 10 images cannot be read:", *(f"- {n}" for n in "abcde")]
    lines += ["- and 2 more", "They are left out."]
    with pytest.warns(UserWarning) as record:
        bad_records.warn("They are left out.", stacklevel=1)
    assert str(record[0].message).splitlines() == lines
    assert record[0].filename == __file__
    bad_records.add("h")
    with pytest.warns(UserWarning, match="8 of 10.*\n- h\nThey"):
        bad_records.warn("They are left out.")
