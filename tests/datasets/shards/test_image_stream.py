import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

from keras_contrastive.datasets import image_stream  # noqa: E402
from keras_contrastive.datasets import image_text_stream  # noqa: E402
from keras_contrastive.datasets.shards import stream_reader  # noqa: E402
from tests.datasets.decoding import record_decoding  # noqa: E402
from tests.datasets.tables.pictures import array  # noqa: E402
from tests.datasets.tables.pictures import png  # noqa: E402

pytestmark = pytest.mark.one_backend

TOTAL = 24


def tokenizer(texts):
    return np.array([[int(text.split()[0])] for text in texts], "int32")


def rows(total=TOTAL):
    for number in range(total):
        yield {"image": png(number), "caption": f"{number}", "other": None}


class Rows:
    """An iterable that restarts on each iteration."""

    def __init__(self, total=TOTAL):
        self.total = total
        self.epochs = []

    def __iter__(self):
        return rows(self.total)


def numbers(batches):
    found = []
    for batch in batches:
        texts = batch["texts"][:, 0]
        np.testing.assert_array_equal(batch["images"][:, 0, 0, 0], texts)
        found += texts.tolist()
    return found


def read(examples, batch_size=8, num_examples=TOTAL, **arguments):
    return image_text_stream(
        examples, tokenizer, batch_size, 4, num_examples, **arguments
    )


@pytest.mark.parametrize(
    "workers, seconds, is_alone",
    [(None, 1e-4, True), (None, 1e-3, False), (2, 1e-4, False)],
)
def test_small_images_are_decoded_by_the_thread_that_reads(
    workers, seconds, is_alone, monkeypatch
):
    threads = record_decoding(monkeypatch, stream_reader, seconds)
    images = np.random.default_rng(0).integers(0, 256, (96, 4, 4, 3), "uint8")
    stream = image_stream(
        lambda: iter(images), 48, 4, 96, shuffle_buffer=0, workers=workers
    )
    np.testing.assert_array_equal(np.concatenate(list(stream)), images)
    # Until the first 16 are decoded, the choice is open.
    assert {name.startswith("stream") for name in threads[16:]} == {is_alone}


@pytest.mark.parametrize("workers", [None, 3])
@pytest.mark.parametrize("make", [Rows, lambda: rows, lambda: list(rows())])
def test_batches(make, workers):
    stream = read(make(), shuffle_buffer=0, workers=workers)
    assert len(stream) == 3
    for _ in range(2):
        assert numbers(stream) == list(range(TOTAL))
    ids = [batch["image_ids"].tolist() for batch in stream]
    assert sum(ids, []) == list(range(TOTAL))
    images = image_stream(make(), 8, 4, TOTAL, shuffle_buffer=0)
    grays = np.concatenate([batch[:, 0, 0, 0] for batch in images])
    assert grays.tolist() == list(range(TOTAL))


def test_epochs_and_resuming():
    stream = read(Rows(), shuffle_buffer=10, seed=1)
    epochs = [numbers(stream) for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert all(sorted(epoch) == list(range(TOTAL)) for epoch in epochs)
    again = read(Rows(), shuffle_buffer=10, seed=1, workers=1)
    again.epoch = 1
    assert numbers(again) == epochs[1]


def test_sources_with_their_own_order():
    class Shuffled(Rows):
        epoch = 0

        def set_epoch(self, epoch):
            self.epoch = epoch

        def __iter__(self):
            order = np.random.default_rng(self.epoch).permutation(TOTAL)
            return map(list(rows()).__getitem__, order)

    stream = read(Shuffled(), shuffle_buffer=0)
    epochs = [numbers(stream) for _ in range(2)]
    assert epochs[0] != epochs[1]
    stream.epoch = 0
    assert numbers(stream) == epochs[0]


def test_hosts():
    """The examples of the hosts are disjoint and complete."""
    hosts = [read(Rows(), 4, num_hosts=2, host_index=i) for i in (0, 1)]
    first, second = (numbers(host) for host in hosts)
    assert len(hosts[0]) == 3
    assert sorted(first) == list(range(0, TOTAL, 2))
    assert sorted(second) == list(range(1, TOTAL, 2))
    ids = [batch["image_ids"] for host in hosts for batch in host]
    assert len(set(np.concatenate(ids).tolist())) == TOTAL


def test_the_length_of_an_epoch():
    short = read(rows, 5, num_examples=10, shuffle_buffer=0)
    assert numbers(short) == list(range(10)) and numbers(short)[0] == 0
    long = read(Rows(6), 5, num_examples=10, shuffle_buffer=0)
    assert numbers(long) == [*range(6), *range(4)]
    with pytest.raises(
        ValueError, match="`num_examples`, the length of an epoch"
    ):
        image_stream(Rows(), 8, 4)
    assert len(image_stream(list(rows()), 8, 4)) == 3
    with pytest.raises(ValueError, match="`batch_size` must be at most 24"):
        image_stream(list(rows()), 25, 4)
    with pytest.raises(
        ValueError, match="`seed` must be .*Received: seed=None"
    ):
        image_stream(list(rows()), 8, 4, seed=None)


def test_columns():
    def tuples():
        for number in range(TOTAL):
            yield array(number), [f"{number} a", f"{number} b"], number

    stream = read(tuples, image=0, captions=1)
    assert sorted(numbers(stream)) == list(range(TOTAL))
    images = image_stream(lambda: iter([array(3)] * 8), 8, 4, 8)
    assert (images[0] == 3).all()
    for arguments, message in (
        ({"image": "img"}, r"`image` .*\['image', 'cap.*Received: 'img'"),
        ({"captions": ["caption", "t"]}, "`captions` must name .*: 't'"),
    ):
        with pytest.raises(ValueError, match=message):
            read(Rows(), **arguments)


@pytest.mark.parametrize(
    "examples, message",
    [
        (7, "`examples` must be iterable.*Received: 7"),
        ("abc", "`examples` must be iterable.*Received: 'abc'"),
        (rows(), "must restart.*a function"),
        ([], "at least one example"),
    ],
)
def test_invalid_examples(examples, message):
    with pytest.raises(ValueError, match=message):
        read(examples)


def test_bad_examples():
    def damaged():
        for number, row in enumerate(rows()):
            if number == 3:
                row["image"] = b"damaged"
            if number == 5:
                row["caption"] = float("nan")
            if number == 7:
                row["caption"] = 7
            if number == 8:
                row = None
            yield row

    stream = read(damaged, 20, shuffle_buffer=0, max_bad_fraction=0.2)
    with pytest.warns(UserWarning, match="4 of 24 examples"):
        assert len(numbers(stream)) == 20
        assert len(numbers(stream)) == 20
    assert list(stream.bad_examples) == [f"example {n}" for n in (3, 5, 7, 8)]
    with pytest.raises(ValueError, match="max_bad_fraction"):
        list(read(damaged, 20))


def test_hugging_face(tmp_path):
    datasets = pytest.importorskip("datasets")
    content = {
        "picture": [Image.fromarray(array(n)) for n in range(TOTAL)],
        "text": [[f"{n} a", f"{n} b"] for n in range(TOTAL)],
    }
    features = datasets.Features(
        {
            "picture": datasets.Image(),
            "text": datasets.List(datasets.Value("string")),
        }
    )
    dataset = datasets.Dataset.from_dict(content, features)
    dataset = dataset.to_iterable_dataset(num_shards=3)
    arguments = {"image": "picture", "captions": "text"}
    stream = read(dataset, shuffle_buffer=0, **arguments)
    assert numbers(stream) == list(range(TOTAL))
    (example, *_) = stream.reader.source.read("the stream", 0, None)
    assert set(example.content["picture"]) == {"bytes", "path"}
    shuffled = dataset.shuffle(seed=0, buffer_size=5)
    stream = read(shuffled, shuffle_buffer=0, **arguments)
    epochs = [numbers(stream) for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert all(sorted(epoch) == list(range(TOTAL)) for epoch in epochs)
    with pytest.raises(ValueError, match=r"\['picture', 'text'\]"):
        read(dataset)


def test_tf_data_gives_arrays():
    class Dataset:
        """The interface of a `tf.data.Dataset`."""

        def __iter__(self):
            return iter([object()])  # a tensor of TensorFlow

        def as_numpy_iterator(self):
            return rows()

    assert numbers(read(Dataset(), shuffle_buffer=0)) == list(range(TOTAL))


def test_grain_and_torch():
    grain = pytest.importorskip("grain")
    torch = pytest.importorskip("torch")
    iterable = grain.MapDataset.source(list(rows())).to_iter_dataset()

    class Torch(torch.utils.data.IterableDataset):
        def __iter__(self):
            return rows()

    for examples in (iterable, Torch()):
        stream = read(examples, shuffle_buffer=0)
        for _ in range(2):
            assert numbers(stream) == list(range(TOTAL))
