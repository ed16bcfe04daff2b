"""Lists shards and counts their examples."""

import glob
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

IMAGE_SUFFIXES = ("jpg", "jpeg", "png", "webp")
SIZES_FILE = "sizes.json"


def import_webdataset():
    """Returns the module, or raises an error that says how to install it."""
    try:
        import webdataset
    except ImportError as error:
        raise ImportError(
            "Reading shards needs the `webdataset` package. Install it with "
            '`pip install "keras_contrastive[shards]"`.'
        ) from error
    return webdataset


def expand_urls(urls: str | os.PathLike | Sequence) -> list[str]:
    """Lists the shards that match patterns.

    Args:
        urls: One pattern or several: paths with `{00..99}` or `{a,b}` and with
            wildcards, or URLs with a scheme that `webdataset` can open, in
            which only braces are expanded.

    Returns:
        Absolute paths and URLs in the order of the patterns; matches of a
        wildcard are sorted.

    Raises:
        ValueError: If a pattern matches no file, or a shard occurs twice.
    """
    import_webdataset()
    # A dependency of webdataset, with the same notation.
    from braceexpand import braceexpand

    patterns = [urls] if isinstance(urls, str | os.PathLike) else list(urls)
    shards = []
    for pattern in patterns:
        for url in braceexpand(os.fspath(pattern)):
            matches = [url] if is_remote(url) else _files(url)
            if not matches:
                raise ValueError(
                    f"`urls` must be the paths of shards. No file matches "
                    f"{url!r}" + _of_pattern(url, pattern)
                )
            shards.extend(matches)
    if not shards:
        raise ValueError(f"`urls` must name at least one shard: {urls!r}")
    if len(set(shards)) < len(shards):
        twice = next(url for url in shards if shards.count(url) > 1)
        raise ValueError(f"`urls` names a shard more than once: {twice!r}")
    return shards


def _files(pattern):
    # Absolute: the working directory may change while threads read.
    paths = filter(os.path.isfile, glob.glob(pattern))
    return sorted(map(os.path.abspath, paths))


def _of_pattern(url, pattern):
    pattern = os.fspath(pattern)
    folder = "" if is_remote(pattern) else f" (from {os.getcwd()!r})"
    return (f", from {pattern!r}" if url != pattern else "") + folder


def is_remote(url: str) -> bool:
    """Whether it is a URL, and not the path of a file."""
    return "://" in url or url.startswith("pipe:")


def count_examples(urls: Sequence[str]) -> int:
    """Counts the images in shards without reading them.

    Takes the number from a file `sizes.json` beside the shard, `{"name.tar":
    number, ...}`, as several tools write it; without that, counts the image
    files in the headers of the archive.

    Raises:
        ValueError: If a shard is remote.
    """
    remote = [url for url in urls if is_remote(url)]
    if remote:
        raise ValueError(
            "`num_examples` is needed for shards that are not local files, as "
            f"counting would mean downloading them all. Received: {remote[0]!r}"
        )
    sizes = {}
    for folder in {Path(url).parent for url in urls}:
        sizes_file = folder / SIZES_FILE
        if sizes_file.is_file():
            for name, size in _read_sizes(sizes_file).items():
                sizes[str(folder / name)] = size
    return sum(sizes.get(str(Path(url))) or _count_images(url) for url in urls)


def _read_sizes(path):
    try:
        sizes = json.loads(path.read_bytes())
        valid = isinstance(sizes, dict) and all(
            type(size) is int and size >= 0 for size in sizes.values()
        )
    except (ValueError, RecursionError):
        valid = False
    if not valid:
        raise ValueError(
            f"{path} must be a JSON object from names of shards to their "
            "numbers of examples. Remove it, and they are counted."
        )
    return sizes


def _count_images(path):
    count = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                suffix = member.name.rpartition(".")[2].lower()
                count += member.isreg() and suffix in IMAGE_SUFFIXES
    except Exception:
        pass  # The reader warns of damaged archives and reads what it can.
    return count
