"""The file of embeddings that `embed` writes: .npz, or Parquet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.atomic_file import atomic_file
from keras_contrastive.datasets.tables.parquet_table import import_parquet

MARK = b"keras_contrastive"  # in the metadata of our Parquet files
KEY = b"keras_contrastive.key"
ARRAYS, PARQUET = ".npz", ".parquet"


def check_replaceable(output: Path) -> None:
    """Raises if the file exists and was not written by this command.

    Also raises if the suffix is not supported, or if the package that writes
    the format is missing.
    """
    if output.suffix not in (ARRAYS, PARQUET):
        raise ValueError(
            f"--output must end in {ARRAYS} or {PARQUET}. Received: {output}"
        )
    is_ours = _is_our_arrays
    if output.suffix == PARQUET:
        import_parquet()
        is_ours = _is_our_table
    if not output.exists():
        return
    # On other files, the readers return other data or raise various errors.
    try:
        ours = is_ours(output)
    except Exception:
        ours = False
    if not ours:
        raise ValueError(
            f"--output must be a new file, or one that embed has written. "
            f"Received: {output}"
        )


def write_vectors(
    output: Path,
    paths: Sequence[str],
    embeddings: np.ndarray,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    key: str = "",
) -> None:
    """Writes embeddings atomically.

    Args:
        output: Path of the file: Parquet if it ends in .parquet, else .npz.
        paths: List of n strings.
        embeddings: Float array, shape `(n, dim)`.
        labels: Int array, shape `(n,)`, -1 for a missing label; or `None`.
        class_names: List of strings, required with labels.
        key: String that is stored in Parquet files, for `key_of_table`.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(output, "wb") as file:
        if output.suffix == PARQUET:
            columns = (paths, embeddings, labels, class_names)
            _write_table(file, *columns, key)
        else:
            arrays: dict[str, Any] = {"paths": paths}
            arrays["embeddings"] = embeddings
            if labels is not None:
                arrays |= {"labels": labels, "class_names": class_names}
            np.savez(file, **arrays)


def key_of_table(path: Path) -> str | None:
    """The key of a Parquet file by `embed`; `None` for other files."""
    try:
        metadata = import_parquet().read_schema(path).metadata or {}
    except (OSError, ValueError):
        return None
    ours = metadata.get(MARK) == b"embed"
    return metadata.get(KEY, b"").decode() if ours else None


def _write_table(file, paths, embeddings, labels, class_names, key):
    parquet = import_parquet()
    import pyarrow

    rows = np.ascontiguousarray(embeddings, dtype="float32")
    # Strings in Parquet are UTF-8, which file names may not be.
    names = [
        path.encode("utf-8", "backslashreplace").decode() for path in paths
    ]
    columns = {
        "image": pyarrow.array(names, pyarrow.string()),
        "embedding": pyarrow.FixedSizeListArray.from_arrays(
            pyarrow.array(rows.ravel()), rows.shape[1]
        ),
    }
    if labels is not None:
        classes = [class_names[i] if i >= 0 else None for i in labels]
        columns["label"] = pyarrow.array(classes, pyarrow.string())
    metadata = {MARK: b"embed", KEY: key.encode()}
    table = pyarrow.table(columns).replace_schema_metadata(metadata)
    # Embeddings hardly ever repeat: dictionary encoding would add half of
    # their size.
    parquet.write_table(table, file, use_dictionary=["label"])


def _is_our_table(path):
    return key_of_table(path) is not None


def _is_our_arrays(path):
    with np.load(path) as file:
        return {"paths", "embeddings"} <= set(file.files)
