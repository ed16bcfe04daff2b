"""Examples from data sets that can only be iterated."""

import itertools
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.shards.example_source import Example
from keras_contrastive.datasets.shards.example_source import ExampleSource
from keras_contrastive.datasets.shards.shard_captions import clean_captions
from keras_contrastive.datasets.short_repr import short_repr
from keras_contrastive.datasets.tables.caption_values import texts_of
from keras_contrastive.datasets.tables.hugging_face import is_hugging_face
from keras_contrastive.datasets.tables.hugging_face import undecoded
from keras_contrastive.datasets.tables.row_table import row_of


class IterableSource(ExampleSource):
    """Examples of an iterable, in its order.

    Args:
        examples: Iterable that restarts each time it is iterated, or a function
            that returns an iterator.
        image: Name or position of the column of images.
        captions: Names or positions of the columns of captions.
        num_hosts: Int.
        host_index: Int. This host takes the example at this index and every
            `num_hosts`-th after it.

    Raises:
        ValueError: If `examples` is not such an object, or the first example
            lacks a column.
    """

    parts = ("the stream",)

    def __init__(
        self,
        examples: Iterable | Callable,
        image: Hashable,
        captions: Sequence[Hashable],
        num_hosts: int,
        host_index: int,
    ):
        if is_hugging_face(examples):
            examples = undecoded(examples)
        self._examples = examples
        self._image = image
        self._captions = captions
        self._num_hosts = num_hosts
        self._host_index = host_index
        self._check_first()

    def read(
        self, part: Any, epoch: int, reject: Callable[[str, str], None]
    ) -> Iterator[Example]:
        if hasattr(self._examples, "set_epoch"):
            self._examples.set_epoch(epoch)
        examples = enumerate(self._iterate())
        share = itertools.islice(
            examples, self._host_index, None, self._num_hosts
        )
        for place, example in share:
            yield Example(f"example {place}", place % 2**31, row_of(example))

    def image(self, content: Any) -> Any:
        return content.get(self._image)

    def captions(self, content: Any) -> list[str]:
        values = (content.get(name) for name in self._captions)
        texts = [text for value in values for text in texts_of(value)]
        for text in texts:
            if not isinstance(text, str):
                raise ValueError(f"no caption: {short_repr(text)}")
        return clean_captions(texts)

    def _iterate(self):
        examples = self._examples
        # Other backends cannot use TensorFlow's tensors.
        examples = getattr(examples, "as_numpy_iterator", examples)
        return iter(examples() if callable(examples) else examples)

    def _check_first(self):
        examples = self._examples
        valid = hasattr(examples, "__iter__") or callable(examples)
        if not valid or isinstance(examples, str | bytes):
            raise ValueError(
                "`examples` must be iterable, or a function that returns an "
                f"iterator. Received: {short_repr(examples)}"
            )
        if not callable(examples) and iter(examples) is examples:
            raise ValueError(
                "`examples` must restart for each epoch. Pass a function that "
                f"returns an iterator. Received: {short_repr(examples)}"
            )
        iterator = self._iterate()
        first = next(iterator, None)
        if first is None:
            raise ValueError(
                "`examples` must hold at least one example. Received: 0"
            )
        columns = list(row_of(first))
        for argument, names in (
            ("image", [self._image]),
            ("captions", self._captions),
        ):
            for name in names:
                if name not in columns:
                    raise ValueError(
                        f"`{argument}` must name a column of the examples, "
                        f"which have {columns}. Received: {name!r}"
                    )
