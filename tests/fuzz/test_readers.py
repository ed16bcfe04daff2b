"""The readers of data on damaged files: a short run of `tests.fuzz.run`."""

import io
import itertools
import random

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

pytest.importorskip("webdataset")
Image = pytest.importorskip("PIL.Image")

from keras_contrastive.datasets.pipeline.records import as_captioned_image  # noqa: E402
from tests.fuzz import readers  # noqa: E402

pytestmark = pytest.mark.one_backend

TARGETS = list(readers.SEEDS)
NAMES = [target.__name__ for target in TARGETS]
quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_seeds_are_read(target, tmp_path):
    for seed in readers.SEEDS[target]:
        assert readers.attempt(target, seed, tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_damaged(target, tmp_path):
    rng = random.Random(1)
    for _ in range(150):
        content = readers.mutated(rng, target)
        readers.attempt(target, content, tmp_path)
    # Each target overwrites one file of its own.
    assert len(list(tmp_path.iterdir())) <= 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
@quick
@given(content=st.binary(max_size=2000))
def test_any_bytes(target, tmp_path, content):
    readers.attempt(target, content, tmp_path)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["filename", "imgid", "split", "sentences", "raw"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@quick
@given(images=json_like)
def test_any_json_of_splits(tmp_path, images):
    content = readers.json.dumps({"images": images}).encode()
    readers.attempt(readers.read_split_file, content, tmp_path)


@quick
@given(captions=json_like | st.binary(), image_id=json_like)
def test_any_record(captions, image_id):
    record = {"image": "a.jpg", "captions": captions, "image_id": image_id}
    try:
        valid = as_captioned_image(record, 0)
    except ValueError:
        return
    assert valid.captions and all(text.strip() for text in valid.captions)
    assert valid.image_id == image_id


def gray(number):
    stream = io.BytesIO()
    Image.new("L", (5, 4), 8 * number).save(stream, "PNG")
    return stream.getvalue()


# Files of an archive in any order, some twice, some without the other.
files_of_archive = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["png", "txt", "PNG", "cls"])),
    min_size=1,
    max_size=25,
)


@settings(quick, max_examples=100)
@given(files=files_of_archive, folder=st.sampled_from(["", "/", "../", "a/b/"]))
def test_pairs_of_an_archive_belong_together(tmp_path, files, folder):
    members = [
        (
            f"{folder}{number}.{suffix}",
            str(number).encode() if suffix in ("txt", "cls") else gray(number),
        )
        for number, suffix in files
    ]
    path = tmp_path / "0.tar"
    path.write_bytes(readers.archive(members))
    try:
        examples = readers.examples_of([str(path)])
    except ValueError:
        examples = []
    for image, caption, _ in examples:
        np.testing.assert_array_equal(image, 8 * int(caption))
    if examples:
        # What one pass finds: neighbors of one name that are both there.
        kept = [(n, s.lower()) for n, s in files if s != "cls"]
        groups = itertools.groupby(kept, key=lambda member: member[0])
        expected = [n for n, group in groups if len(set(group)) == 2]
        found = [int(caption) for _, caption, _ in examples]
        assert found[: len(expected)] == expected
    assert [each.name for each in tmp_path.iterdir()] == ["0.tar"]
