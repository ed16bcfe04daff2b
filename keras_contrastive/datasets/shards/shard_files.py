"""Lists shards and counts their examples."""

import glob
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

PARQUET_SUFFIXES = (".parquet", ".pq")
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
            wildcards, folders of shards, or URLs with a scheme that
            `webdataset` can open, in which only braces are expanded.

    Returns:
        Absolute paths and URLs in the order of the patterns; matches of a
        wildcard are sorted.

    Raises:
        ValueError: If a pattern matches no file, or a shard occurs twice.
    """
    patterns = [urls] if isinstance(urls, str | os.PathLike) else list(urls)
    shards: list[str] = []
    for pattern in patterns:
        for url in _expand_braces(os.fspath(pattern)):
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


def _expand_braces(pattern):
    if "{" not in pattern:
        return [pattern]
    import_webdataset()
    # `braceexpand` is a dependency of webdataset and has the same notation.
    from braceexpand import braceexpand

    return braceexpand(pattern)


def _files(pattern):
    pattern = os.path.expanduser(pattern)
    if os.path.isdir(pattern):
        suffixes = (".tar", *PARQUET_SUFFIXES)
        paths = [
            path
            for path in glob.glob(os.path.join(glob.escape(pattern), "*"))
            if path.lower().endswith(suffixes)
        ]
    else:
        paths = filter(os.path.isfile, glob.glob(pattern, recursive=True))
    # Absolute: the working directory may change while threads read.
    return sorted(map(os.path.abspath, paths))


def _of_pattern(url, pattern):
    pattern = os.fspath(pattern)
    folder = "" if is_remote(pattern) else f" (from {os.getcwd()!r})"
    return (f", from {pattern!r}" if url != pattern else "") + folder


def is_remote(url: str) -> bool:
    """Whether `url` is a URL, not the path of a file."""
    return "://" in url or url.startswith("pipe:")


def are_parquet(shards: Sequence[str]) -> bool:
    """Whether shards are Parquet files, not archives.

    Raises:
        ValueError: If there are both kinds, or Parquet files are remote.
    """
    found = [url for url in shards if url.lower().endswith(PARQUET_SUFFIXES)]
    remote = [url for url in found if is_remote(url)]
    if remote:
        raise ValueError(
            "`urls` of Parquet files must be local paths. Only archives may be "
            f"remote. Received: {remote[0]!r}"
        )
    if 0 < len(found) < len(shards):
        other = next(url for url in shards if url not in found)
        raise ValueError(
            "`urls` must be archives or Parquet files, not both. Received: "
            f"{found[0]!r} and {other!r}"
        )
    return bool(found)


def short_names(shards: Sequence[str]) -> dict[str, str]:
    """File names, or whole paths if two shards have the same file name."""
    names = {shard: os.path.basename(shard) for shard in shards}
    unique = len(set(names.values())) == len(names)
    return names if unique else {shard: shard for shard in shards}


def count_examples(
    urls: Sequence[str], suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> int:
    """Counts the images in archives without reading them.

    Reads the number from a file `sizes.json` beside the shard, `{"name.tar":
    number, ...}`, which several tools write. Without that file, it counts the
    image files in the headers of the archive.

    Args:
        urls: The archives.
        suffixes: Suffixes of images.

    Raises:
        ValueError: If a shard is remote.
    """
    remote = [url for url in urls if is_remote(url)]
    if remote:
        raise ValueError(
            "`num_examples` is required for shards that are not local files. "
            "Counting would require downloading all of them. Received: "
            f"{remote[0]!r}"
        )
    sizes = {}
    for folder in {Path(url).parent for url in urls}:
        sizes_file = folder / SIZES_FILE
        if sizes_file.is_file():
            for name, size in _read_sizes(sizes_file).items():
                sizes[str(folder / name)] = size
    return sum(
        sizes.get(str(Path(url))) or _count_images(url, suffixes)
        for url in urls
    )


def archive_error(path: str) -> str:
    """Why an archive cannot be read to its end; empty if it can."""
    try:
        with tarfile.open(path, "r|*") as archive:  # as the shards are read
            archive.getmembers()
    except Exception as error:
        return str(error)
    return ""


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
            "numbers of examples. If you remove it, the examples are counted."
        )
    return sizes


def _count_images(path, suffixes):
    endings = tuple(f".{suffix}" for suffix in suffixes)
    count = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                is_image = member.name.lower().endswith(endings)
                count += member.isreg() and is_image
    except Exception:
        pass  # The reader warns of damaged archives and reads what it can.
    return count
