"""The base class of sources of examples for a stream."""

import abc
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple


class Example(NamedTuple):
    """An example before it is decoded.

    Attributes:
        name: String, for messages and for the choice of its caption.
        image_id: Int in [0, 2³¹), because JAX's integers have 32 bits.
        content: Data that the source extracts the image and captions from.
    """

    name: str
    image_id: int
    content: Any


class ExampleSource(abc.ABC):
    """Examples in parts, each read from start to end.

    Attributes:
        parts: Sequence of arguments of `read`. They are shuffled in each epoch,
            and divided among hosts.
        warns_of_parts: Whether the reader warns of bad examples after each
            part. Otherwise it warns once after all parts.
        name_of_parts: The word for the parts in messages.
    """

    parts: Sequence[Any]
    warns_of_parts: bool = True
    name_of_parts: str = "shards"

    @abc.abstractmethod
    def read(
        self, part: Any, epoch: int, reject: Callable[[str, str], None]
    ) -> Iterator[Example]:
        """Yields the examples of a part.

        Args:
            part: One of `parts`.
            epoch: Int, for sources with their own order per epoch.
            reject: Function of a name and a reason, called for each unreadable
                example.
        """

    @abc.abstractmethod
    def image(self, content: Any) -> Any:
        """The image of an example, in a form that `PixelReader` accepts.

        Called in threads, like `captions`.

        Raises:
            ValueError: If there is no image.
        """

    @abc.abstractmethod
    def captions(self, content: Any) -> list[str]:
        """The captions of an example, at least one.

        Raises:
            ValueError: If there is no caption, or it is not text.
        """
