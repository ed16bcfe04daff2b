"""Where the examples of a stream come from."""

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
        content: What the source reads the image and the captions from.
    """

    name: str
    image_id: int
    content: Any


class ExampleSource(abc.ABC):
    """Examples in parts, each of which is read from its start to its end.

    Attributes:
        parts: Sequence of what `read` takes: they are shuffled in each epoch,
            and divided among hosts.
        warns_of_parts: Whether the reader may warn after each part of the bad
            examples in it. Otherwise it does after all of them.
        name_of_parts: What messages call the parts.
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
            epoch: Int, for sources that have an order of their own.
            reject: Function of a name and a reason, to be called for what
                cannot be read.
        """

    @abc.abstractmethod
    def image(self, content: Any) -> Any:
        """The image of an example, in a form that `PixelReader` accepts.

        Called in threads, like `captions`.

        Raises:
            ValueError: If there is none.
        """

    @abc.abstractmethod
    def captions(self, content: Any) -> list[str]:
        """The captions of an example, at least one.

        Raises:
            ValueError: If there is none, or it is not text.
        """
