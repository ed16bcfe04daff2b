import io
import json
import subprocess
import sys
import tarfile
import warnings

import keras
import numpy as np
import pytest

from keras_contrastive.datasets import image_text_shards
from keras_contrastive.datasets.shards.shard_files import count_examples
from keras_contrastive.datasets.shards.shard_files import expand_urls
from keras_contrastive.datasets.shards.tar_source import TarSource

pytest.importorskip("webdataset")
Image = pytest.importorskip("PIL.Image")

pytestmark = pytest.mark.one_backend

PER_SHARD = 12


def encode(number, format="PNG", size=(9, 6)):
    stream = io.BytesIO()
    Image.new("RGB", size, (number, number, number)).save(stream, format)
    return stream.getvalue()


def example(number, suffix="png"):
    """A gray picture of brightness `number`, with that number as caption."""
    format = {"jpg": "JPEG"}.get(suffix, suffix.upper())
    return {suffix: encode(number, format), "txt": str(number).encode()}


def write_shard(path, examples):
    """`examples`: from keys to dicts from suffixes to bytes."""
    with tarfile.open(path, "w") as archive:
        for key, files in examples.items():
            for suffix, content in files.items():
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def tokenizer(texts):
    assert isinstance(texts, list)
    return np.array([[int(text), len(text)] for text in texts], dtype="int32")


@pytest.fixture
def folder(tmp_path):
    for shard in range(4):
        numbers = range(shard * PER_SHARD, (shard + 1) * PER_SHARD)
        write_shard(
            tmp_path / f"{shard:02d}.tar",
            {f"{number:04d}": example(number) for number in numbers},
        )
    return tmp_path


def read(folder, batch_size=8, pattern="*.tar", **kwargs):
    return image_text_shards(
        folder / pattern, tokenizer, batch_size, image_size=4, **kwargs
    )


def numbers(batches):
    return [int(n) for batch in batches for n in batch["texts"][:, 0]]


def test_batches(folder):
    shards = read(folder, shuffle_buffer=0)
    assert isinstance(shards, keras.utils.PyDataset) and len(shards) == 6
    batches = list(shards)
    assert numbers(batches) == list(range(48))
    for batch in batches:
        assert batch["images"].shape == (8, 4, 4, 3)
        assert batch["images"].dtype == np.uint8
        assert batch["image_ids"].shape == (8,)
        assert batch["image_ids"].dtype == np.int32
        np.testing.assert_array_equal(
            batch["images"][:, 2, 1, 0], batch["texts"][:, 0]
        )
    ids = np.concatenate([batch["image_ids"] for batch in batches])
    assert len(set(ids)) == 48 and ids.min() >= 0


def test_epochs(folder):
    """Each epoch is complete, mixed across shards, and repeatable."""
    shards = read(folder, shuffle_buffer=20, seed=1)
    first, second = numbers(shards), numbers(shards)
    assert sorted(first) == sorted(second) == list(range(48))
    assert first != second
    sources = [n // PER_SHARD for n in first[:PER_SHARD]]
    assert len(set(sources)) >= 2

    again = read(folder, shuffle_buffer=20, seed=1, workers=1)
    assert numbers(again) == first and again.epoch == 0
    assert numbers(again) == second and again.epoch == 1
    again.epoch = 1
    assert numbers(again) == second
    assert numbers(read(folder, shuffle_buffer=20, seed=2)) != first


def test_ids_stay_in_every_epoch(folder):
    shards = read(folder)
    pairs = [
        dict(zip(batch["texts"][:, 0], batch["image_ids"], strict=True))
        for _ in range(2)
        for batch in shards
    ]
    merged = {}
    for pair in pairs:
        for number, image_id in pair.items():
            assert merged.setdefault(number, image_id) == image_id


def test_batches_read_ahead_are_not_lost(folder):
    """TensorFlow inspects the data, then starts again."""
    expected = numbers(read(folder, shuffle_buffer=0))
    shards = read(folder, shuffle_buffer=0)
    ahead = [shards[0], shards[1]]
    assert numbers(ahead) == expected[:16]
    assert numbers(shards) == expected
    assert numbers([shards[index] for index in (5, 3, 0, 1, 4, 2)]) == expected


class Brightness(keras.layers.Layer):
    """A model whose loss is the mean of its inputs."""

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs):
        images = keras.ops.cast(inputs["images"], "float32")
        self.add_loss(keras.ops.mean(images) + self.weight)
        return keras.ops.mean(images, axis=(1, 2, 3))


class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.brightness = Brightness()

    def call(self, inputs):
        return self.brightness(inputs)


def test_fit_sees_the_epochs(folder):
    arguments = {"batch_size": 7, "shuffle_buffer": 20, "seed": 3}
    reference = read(folder, **arguments)
    assert len(reference) == 6  # of 48 examples 6 are left out each time
    expected = [np.mean(numbers(reference)) for _ in range(3)]
    assert len(set(expected)) == 3

    model = Model()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    shards = read(folder, **arguments)
    history = model.fit(shards, epochs=2, shuffle=False, verbose=0)
    history.history["loss"] += model.fit(
        shards, shuffle=False, verbose=0
    ).history["loss"]
    np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-5)

    model.fit(shards, verbose=0)  # Keras would shuffle


def test_hosts_share(folder):
    """Equal numbers of steps, and disjoint shards that change each epoch."""
    hosts = [read(folder, 4, num_hosts=2, host_index=i) for i in (0, 1)]
    shares = []
    for _ in range(4):
        first, second = (numbers(host) for host in hosts)
        assert len(first) == len(second) == 24
        assert sorted(first + second) == list(range(48))
        shares.append(frozenset(n // PER_SHARD for n in first))
    assert len(set(shares)) > 1
    assert all(len(share) == 2 for share in shares)


def test_hosts_of_the_backend(folder, monkeypatch):
    backend = keras.backend.backend()
    if backend == "jax":
        monkeypatch.setattr("jax.process_count", lambda: 2)
        monkeypatch.setattr("jax.process_index", lambda: 1)
    elif backend == "torch":
        package = "keras_contrastive.distribution"
        monkeypatch.setattr(f"{package}.num_replicas", lambda: 2)
        monkeypatch.setattr(f"{package}.replica_index", lambda: 1)
    shards = read(folder, shuffle_buffer=0)
    if backend == "tensorflow":  # tf.distribute divides what every host reads
        assert numbers(shards) == list(range(48))
    else:
        assert numbers(shards) == [*range(12, 24), *range(36, 48)]


def test_unequal_shares_take_equal_steps(folder):
    hosts = [
        read(folder, 6, "0[0-2].tar", num_hosts=2, host_index=i, seed=4)
        for i in (0, 1)
    ]
    assert len(hosts[0]) == len(hosts[1]) == 3
    first, second = (numbers(host) for host in hosts)
    assert len(first) == len(second) == 18
    # Three quarters of two shards, and one and a half passes of the other.
    counts = sorted(len(set(share)) for share in (first, second))
    assert counts == [12, 18]
    assert set(first).isdisjoint(second)


def test_captions_in_json(tmp_path):
    def with_json(number, **fields):
        files = example(number, "jpg")
        del files["txt"]
        return files | {"json": json.dumps(fields).encode()}

    write_shard(
        tmp_path / "a.tar",
        {
            "a": with_json(10, caption="10", width=9),
            "b": with_json(20, caption=["20", "21", " 22 ", None, ""]),
            "c": example(30, "webp") | {"json": b'{"caption": "31"}'},
            "d": with_json(40, caption="x", title="41")
            | {"txt": b"\n 40 \n", "cls": b"7"},
        },
    )
    shards = read(tmp_path, 4, shuffle_buffer=0)
    epochs = [numbers(shards) for _ in range(12)]
    first, second, third, fourth = zip(*epochs, strict=True)
    assert set(first) == {10} and set(second) == {20, 21, 22}
    assert set(third) == {30} and set(fourth) == {40}
    again = read(tmp_path, 4, shuffle_buffer=0)
    assert [numbers(again) for _ in range(12)] == epochs

    write_shard(tmp_path / "b.tar", {"a": with_json(10, title="5")})
    other_key = read(tmp_path, 1, "b.tar", caption_key="title")
    assert numbers(other_key) == [5]


def test_a_field_instead_of_the_txt(tmp_path):
    """img2dataset writes both."""
    files = {
        "a": {"txt": b"40", "json": b'{"caption": "40", "title": "41"}'},
        "b": {"txt": b"50", "json": b'{"caption": "51"}'},
        "c": {"txt": b"60"},
    }
    write_shard(
        tmp_path / "a.tar",
        {key: {"png": encode(1), **each} for key, each in files.items()},
    )
    arguments = {"shuffle_buffer": 0, "max_bad_fraction": 0.9}
    assert numbers(read(tmp_path, 3, **arguments)) == [40, 50, 60]
    for key, expected, bad in (
        ("title", [41], {"b": "no field 'title'", "c": "'title' in a .json"}),
        ("caption", [40, 51], {"c": "'caption' in a .json"}),
    ):
        with pytest.warns(UserWarning, match="cannot be read"):
            shards = read(tmp_path, 3, caption_key=key, **arguments)
            assert numbers(shards) == (3 * expected)[:3]
        assert list(shards.bad_examples) == [f"a.tar/{each}" for each in bad]
        for name, reason in bad.items():
            assert reason in shards.bad_examples[f"a.tar/{name}"]
    with pytest.warns(UserWarning, match="cannot be read"):
        shards = read(tmp_path, 3, caption_key=["title"], **arguments)
        assert numbers(shards) == [41] * 3
    for key in (7, ["title", 7], []):
        with pytest.raises(ValueError, match="`caption_key` must be"):
            read(tmp_path, 3, caption_key=key)


def test_shards_of_one_name(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        bad = {"bad": {"png": b"", "txt": b"9"}}
        good = {str(n): example(n) for n in range(4)}
        write_shard(tmp_path / folder / "00000.tar", bad | good)
    with pytest.warns(UserWarning, match="of 10 examples"):
        shards = read(
            tmp_path,
            8,
            "*/*.tar",
            num_examples=10,
            shuffle_buffer=0,
            max_bad_fraction=0.3,
        )
        ids = [batch["image_ids"].tolist() for _ in "12" for batch in shards]
    assert ids[0] == ids[1] and len(set(ids[0])) == 8
    assert [name[-14:] for name in shards.bad_examples] == [
        "/00000.tar/bad"
    ] * 2


@pytest.mark.parametrize("count", [1, 100_000, 2**31 + 1])
def test_ids_fit_into_31_bits(count, monkeypatch):
    """Ids of the last shard, and of examples beyond its range."""
    source = TarSource.__new__(TarSource)
    source.parts = range(count)
    source._numbers = {"a": 0, "z": count - 1}
    for place in (0, 9999, 2**31):
        ids = [source._image_id(url, place) for url in "az"]
        assert all(0 <= image_id < 2**31 for image_id in ids)
        if count == 100_000:
            assert ids[0] != ids[1]


def test_bad_examples_are_left_out(folder):
    bad = {
        "truncated": {"png": encode(1, size=(99, 99))[:60], "txt": b"1"},
        "captionless": {"png": encode(1)},
        "blank": {"png": encode(1), "txt": b"  \n"},
        "malformed": {"png": encode(1), "json": b'{"caption": '},
        "null": {"png": encode(1), "json": b'{"caption": null}'},
        "listed": {"png": encode(1), "json": b"[1]"},
        "imageless": {"txt": b"1"},
    }
    good = {f"{n}": example(n) for n in range(48, 60)}
    write_shard(folder / "04.tar", bad | good)
    shards = read(folder, shuffle_buffer=0, max_bad_fraction=0.2)
    assert len(shards) == 8  # of 66 images
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        for _ in range(2):
            # The epoch is completed with examples from its start.
            assert numbers(shards) == [*range(60), *range(4)]
    text = "".join(str(warning.message) for warning in record)
    assert "7 of 66 examples" in text and "left out" in text
    assert text.count("malformed .json") == 1
    assert set(shards.bad_examples) == {f"04.tar/{key}" for key in bad}
    assert "malformed .json" in shards.bad_examples["04.tar/malformed"]
    assert "no caption" in shards.bad_examples["04.tar/captionless"]
    assert "no image" in shards.bad_examples["04.tar/imageless"]
    assert "decoded" in shards.bad_examples["04.tar/truncated"]


@pytest.mark.filterwarnings("ignore:.*cannot be read")
def test_too_many_bad_examples(folder):
    write_shard(
        folder / "04.tar", {f"{n}": {"png": encode(n)} for n in range(60, 63)}
    )
    with pytest.raises(ValueError, match=r"3 of 51[^~]*04.tar/60"):
        numbers(read(folder, 50, shuffle_buffer=0, max_bad_fraction=0.04))
    shards = read(folder, 3, "04.tar", max_bad_fraction=0.9)
    for _ in range(2):  # raises the same error the second time
        with pytest.raises(ValueError, match="3 of 3"):
            shards[0]


def test_truncated_shard(folder):
    whole = (folder / "01.tar").read_bytes()
    # Ten members: five whole examples, as each takes four blocks.
    (folder / "01.tar").write_bytes(whole[: 512 * 4 * 5 + 512 + 20])
    (folder / "02.tar").write_bytes(b"")
    (folder / "03.tar").write_bytes(b"<html>404</html>" * 100)
    with pytest.warns(UserWarning, match="damaged archive"):
        shards = read(
            folder, 17, shuffle_buffer=0, num_examples=48, max_bad_fraction=0.5
        )
        assert numbers([shards[0]]) == list(range(17))
        assert numbers([shards[1]]) == list(range(17))
    assert {"01.tar", "03.tar"} <= {
        name.rpartition("/")[2] for name in shards.bad_examples
    }


def test_vanished_shard(folder, monkeypatch):
    """Also tests relative paths after a change of the working directory."""
    monkeypatch.chdir(folder)
    arguments = {"shuffle_buffer": 0, "max_bad_fraction": 0.1}
    shards = image_text_shards("0*.tar", tokenizer, 8, 4, **arguments)
    (folder / "01.tar").unlink()
    monkeypatch.chdir(folder.parent)
    with pytest.warns(UserWarning, match=r"01.tar: .*\(No such file"):
        assert numbers(shards) == [*range(12), *range(24, 48), *range(12)]


def test_urls(folder):
    names = [str(folder / f"0{shard}.tar") for shard in range(4)]
    assert expand_urls(folder / "0*.tar") == names
    assert expand_urls(f"{folder}/{{00..03}}.tar") == names
    assert expand_urls([names[2], f"{folder}/0[01].tar"]) == [
        names[2],
        *names[:2],
    ]
    assert expand_urls("https://host/{0..1}.tar") == [
        "https://host/0.tar",
        "https://host/1.tar",
    ]
    with pytest.raises(ValueError, match=r"`urls`.*nothing-\*.tar"):
        expand_urls(f"{folder}/nothing-*.tar")
    with pytest.raises(ValueError, match="`urls`.*04.tar.*{00..04}"):
        expand_urls(f"{folder}/{{00..04}}.tar")
    with pytest.raises(ValueError, match="at least one"):
        expand_urls([])
    with pytest.raises(ValueError, match="more than once.*00.tar"):
        expand_urls([names[0], f"{folder}/*.tar"])


def test_counting(folder):
    names = expand_urls(folder / "*.tar")
    assert count_examples(names) == 48
    (folder / "sizes.json").write_text('{"00.tar": 100, "01.tar": 7}')
    assert count_examples(names) == 100 + 7 + 2 * PER_SHARD
    assert len(read(folder, num_examples=16)) == 2
    with pytest.raises(ValueError, match="`num_examples`.*https://a/b.tar"):
        count_examples(["https://a/b.tar"])


def test_arguments(folder):
    with pytest.raises(ValueError, match="`tokenizer`.*None"):
        image_text_shards(folder / "*.tar", None, 8, 4)
    with pytest.raises(ValueError, match="`batch_size`.*at most 48.*49"):
        read(folder, 49)
    with pytest.raises(ValueError, match="`batch_size`.*0"):
        read(folder, 0)
    with pytest.raises(ValueError, match="`shuffle_buffer`.*-1"):
        read(folder, shuffle_buffer=-1)
    with pytest.raises(ValueError, match="`max_bad_fraction`.*2"):
        read(folder, max_bad_fraction=2)
    with pytest.raises(ValueError, match="`workers`.*0"):
        read(folder, workers=0)
    with pytest.raises(ValueError, match="`num_hosts` and `host_index`"):
        read(folder, num_hosts=2)
    with pytest.raises(ValueError, match="number of shards, 4"):
        read(folder, num_hosts=5, host_index=0)
    with pytest.raises(ValueError, match="`host_index`"):
        read(folder, num_hosts=2, host_index=2)
    with pytest.raises(ValueError, match="`image_size`"):
        image_text_shards(folder / "*.tar", tokenizer, 8, 0)


def test_errors_of_the_tokenizer_come_through(folder):
    def fail(texts):
        raise RuntimeError("no such word")

    shards = image_text_shards(folder / "*.tar", fail, 8, 4)
    with pytest.raises(RuntimeError, match="no such word"):
        shards[0]


@pytest.mark.parametrize(
    "tokens, message",
    [
        (lambda texts: texts, "array of integers"),
        (lambda texts: [[1] * int(text) for text in texts], "array of integ"),
        (lambda texts: np.ones((3, 5), int), "one row for each of 8"),
        (lambda texts: np.full((8, 5), 2**32), "of 32 bits"),
        (lambda texts: np.ones((8, 1 + int(texts[0]))), "same length"),
    ],
    ids=["strings", "ragged", "too few", "64 bits", "other length"],
)
def test_tokens_are_checked(folder, tokens, message):
    shards = image_text_shards(folder / "*.tar", tokens, 8, 4, shuffle_buffer=0)
    with pytest.raises(ValueError, match=f"`tokenizer` must.*{message}"):
        list(shards)


def test_missing_package_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(ImportError, match=r"keras_contrastive\[shards\]"):
        read(folder)


@pytest.mark.skipif(
    keras.backend.backend() != "jax",
    reason="only JAX runs with neither of the two",
)
def test_reads_without_torch_and_tensorflow(folder):
    code = f"""if True:
        import sys
        from importlib.machinery import PathFinder

        class WithoutThem(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name.split(".")[0] not in ("torch", "tensorflow"):
                    return super().find_spec(name, path, target)

        sys.meta_path = [
            WithoutThem if finder is PathFinder else finder
            for finder in sys.meta_path
        ]
        from keras_contrastive.datasets import image_text_shards
        shards = image_text_shards(
            {str(folder / "*.tar")!r}, lambda texts: [[1]] * len(texts), 8, 4
        )
        assert len(list(shards)) == 6
    """
    subprocess.run([sys.executable, "-c", code], check=True)
