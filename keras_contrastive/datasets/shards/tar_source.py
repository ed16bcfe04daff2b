"""Examples from tar archives, in the layout of webdataset."""

import tarfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.shards.example_source import Example
from keras_contrastive.datasets.shards.example_source import ExampleSource
from keras_contrastive.datasets.shards.shard_captions import read_captions
from keras_contrastive.datasets.shards.shard_files import IMAGE_SUFFIXES
from keras_contrastive.datasets.shards.shard_files import import_webdataset
from keras_contrastive.datasets.shards.shard_files import short_names

MAX_BYTES = 2**28  # limit per file: compressed archives can claim any size


class TarSource(ExampleSource):
    """Examples from archives, which `webdataset` reads one by one.

    Args:
        shards: List of paths and URLs.
        image_key: Suffix of the images, `None` for any of `IMAGE_SUFFIXES`.
        caption_keys: Fields of the captions in `.json` files, or `None` for the
            `.txt` or, without one, the field `"caption"`.
    """

    def __init__(
        self,
        shards: list[str],
        image_key: str | None,
        caption_keys: Sequence[str] | None,
    ):
        self.parts = shards
        self.suffixes = (
            IMAGE_SUFFIXES if image_key is None else (image_key.lower(),)
        )
        self.caption_keys = caption_keys
        self._names = short_names(shards)
        self._numbers = {shard: index for index, shard in enumerate(shards)}
        self._webdataset = import_webdataset()

    def read(
        self, part: Any, epoch: int, reject: Callable[[str, str], None]
    ) -> Iterator[Example]:
        def handle(error):
            reject(str(part), f"damaged archive ({_message(error)})")
            return True  # continue

        group = self._webdataset.tariterators.group_by_keys
        samples = group(self._files(part, reject), handler=handle)
        for place, sample in enumerate(samples):
            name = f"{self._names[part]}/{sample['__key__']}"
            yield Example(name, self._image_id(part, place), sample)

    def image(self, content: Any) -> Any:
        image = next((content[s] for s in self.suffixes if s in content), None)
        if image is None:
            raise ValueError(f"no image (.{', .'.join(self.suffixes)})")
        return image

    def captions(self, content: Any) -> list[str]:
        return read_captions(content, self.caption_keys)

    def _image_id(self, shard, place):
        """An id in 31 bits. Each shard has an equal range of ids."""
        share = 2**31 // len(self.parts)
        return (self._numbers[shard] * share + place) % 2**31

    def _files(self, shard, reject):
        """Yields images and captions in the form that webdataset groups."""
        suffixes = (*self.suffixes, "txt", "json")
        files = _read_archive(self._webdataset.gopen, shard, suffixes)
        while True:
            try:
                name, content = next(files)
            except StopIteration:
                return
            except Exception as error:  # the type depends on the compression
                reject(shard, f"damaged archive ({_message(error)})")
                return
            if content is None:
                reject(
                    f"{self._names[shard]}/{name}",
                    f"sparse, or larger than {MAX_BYTES:,} bytes",
                )
                continue
            yield {"fname": name, "data": content, "__url__": shard}


def _read_archive(open_url, url, suffixes):
    """Yields names and contents of files; `None` if sparse or too large."""
    endings = tuple(f".{suffix}" for suffix in suffixes)
    with (
        open_url(url) as stream,
        tarfile.open(fileobj=stream, mode="r|*") as archive,
    ):
        for member in archive:
            archive.members = []  # frees the headers of earlier files
            # Skip links and devices.
            if not member.isreg() or not member.name.lower().endswith(endings):
                continue
            # A sparse file of a few bytes may claim terabytes.
            if member.issparse() or member.size > MAX_BYTES:
                yield member.name, None
            else:
                yield member.name, archive.extractfile(member).read()


def _message(error):
    # Not `str(error)`: webdataset appends URLs and streams to the arguments.
    first = error.args[0] if error.args else type(error).__name__
    return getattr(error, "strerror", None) or first
