"""Embeddings with ids and metadata, to search in."""

import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.evaluation.extract_features import extract_features
from keras_contrastive.index.approximate_index import ApproximateIndex
from keras_contrastive.index.columns import as_columns
from keras_contrastive.index.columns import as_ids
from keras_contrastive.index.columns import check_column
from keras_contrastive.index.columns import join_columns
from keras_contrastive.index.columns import kept_rows
from keras_contrastive.index.columns import new_ids
from keras_contrastive.index.exact_search import exact_search
from keras_contrastive.index.image_tower import image_tower
from keras_contrastive.index.index_files import read_arrays
from keras_contrastive.index.index_files import write_arrays
from keras_contrastive.index.near_duplicates import similar_groups
from keras_contrastive.index.parquet_columns import read_parquet
from keras_contrastive.index.search_results import SearchResults
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_positive_int

_METADATA = "metadata/"


class EmbeddingIndex:
    """Embeddings with ids and metadata: search, filter, duplicates, files.

    The rows are L2-normalized, and similarities are cosines. The search is
    exact and runs in NumPy, block by block, so an index that is loaded from
    files need not fit into memory.

    Args:
        embeddings: Array or tensor of shape `(n, dim)`, or `None` for an empty
            index.
        ids: n different strings or ints, such as paths. Defaults to 0, 1, ....
        metadata: Dict of columns, each a sequence of n strings, numbers or
            booleans; or a table of pandas, polars or pyarrow.

    Attributes:
        ids: Array of shape `(n,)`.
        embeddings: Float32 array of shape `(n, dim)`, rows of norm 1.
        metadata: Dict of arrays of shape `(n,)`.

    Raises:
        ValueError: If the embeddings are not a finite matrix, or ids or columns
            do not fit them.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((100, 16))
    index = kc.index.EmbeddingIndex(
        embeddings,
        [f"{number}.jpg" for number in range(100)],
        {"year": 2000 + np.arange(100) % 20},
    )
    query = embeddings[7] + 0.1 * rng.standard_normal(16)
    print(index.search(query, k=3).ids[0])  # 7.jpg
    recent = index.search(query, k=3, where=lambda rows: rows["year"] > 2010)
    index.save("photographs.index")
    index = kc.index.EmbeddingIndex.load("photographs.index")
    ```
    """

    def __init__(
        self,
        embeddings: Any = None,
        ids: Sequence | np.ndarray | None = None,
        metadata: Any = None,
    ):
        self.embeddings: np.ndarray = np.empty((0, 0), "float32")
        self.ids: np.ndarray = np.empty(0, "int64")
        self.metadata: dict[str, np.ndarray] = {}
        if embeddings is not None:
            self.add(embeddings, ids, metadata)
        elif ids is not None or metadata is not None:
            raise ValueError(
                "`ids` and `metadata` must come with `embeddings`. "
                "Received: embeddings=None"
            )

    @classmethod
    def build(
        cls,
        model: Any,
        data: Any,
        ids: Sequence | np.ndarray | None = None,
        metadata: Any = None,
        batch_size: int = 256,
        verbose: int | str = "auto",
    ) -> "EmbeddingIndex":
        """Embeds images and makes an index of them.

        Args:
            model: A `CLIPModel`, whose image embeddings are indexed; or a model
                with a Keras `predict` that returns one vector per image, such
                as a `SimCLRModel` or an encoder.
            data: Images, or a finite data set of batches of images, as
                `evaluation.extract_features` takes them. The data must not be
                shuffled: row i belongs to `ids[i]`.
            ids: See `EmbeddingIndex`.
            metadata: See `EmbeddingIndex`. If the data has labels and there is
                no such column, they become the column `"label"`.
            batch_size: Number of images in a batch, if `data` is arrays.
            verbose: 0 is silent, `"auto"` or 1 shows a progress bar.

        Returns:
            An `EmbeddingIndex`.

        Raises:
            ValueError: As `EmbeddingIndex` and `extract_features`.
        """
        embeddings, labels = extract_features(
            image_tower(model), data, batch_size, verbose
        )
        metadata = as_columns(metadata)
        if labels is not None:
            metadata.setdefault("label", labels)
        return cls(embeddings, ids, metadata)

    @classmethod
    def from_parquet(
        cls,
        path: str | os.PathLike,
        embeddings: str = "embedding",
        ids: str | None = "image",
    ) -> "EmbeddingIndex":
        """Makes an index from a Parquet file, or from a folder of them.

        `keras-contrastive embed`, Ray, Spark or pandas write such files. The
        rows are read into memory. Save the index to search them block by block
        in a file.

        Args:
            path: The file, or a folder, whose files are read in the order of
                their names.
            embeddings: Name of the column of vectors, lists of one length.
            ids: Name of the column of different strings or ints; `None` for
                0, 1, ....

        Returns:
            An `EmbeddingIndex`. Its metadata are the other columns of strings,
            numbers and booleans; a missing string is `""`, and a missing number
            or boolean is NaN, which makes the others floats.

        Raises:
            FileNotFoundError: If there is no Parquet file.
            ImportError: If pyarrow is not installed.
            ValueError: If a column is missing, a vector is missing or has
                another length, or as `EmbeddingIndex`.
        """
        columns = read_parquet(Path(path).expanduser(), embeddings, ids)
        rows = columns.pop(embeddings)
        return cls(rows, None if ids is None else columns.pop(ids), columns)

    def __len__(self):
        return len(self.ids)

    def add(
        self,
        embeddings: Any,
        ids: Sequence | np.ndarray | None = None,
        metadata: Any = None,
    ) -> None:
        """Adds rows.

        Args:
            embeddings: Array or tensor of shape `(n, dim)`.
            ids: n strings or ints that the index does not have yet. Defaults to
                the ints that follow the largest one.
            metadata: Dict or table of the columns that the index has.

        Raises:
            ValueError: If an argument does not fit the rows of the index, which
                is then unchanged.
        """
        rows = normalize_rows(as_features(embeddings, "embeddings"))
        if len(self) and rows.shape[1] != self.embeddings.shape[1]:
            raise ValueError(
                f"`embeddings` must have {self.embeddings.shape[1]} columns, "
                f"as the index. Received: shape {rows.shape}"
            )
        row_ids = new_ids(ids, len(rows), self.ids)
        metadata = as_columns(metadata)
        if len(self) and set(metadata) != set(self.metadata):
            raise ValueError(
                f"`metadata` must have the columns of the index, "
                f"{sorted(self.metadata)}. Received: {sorted(metadata)}"
            )
        columns = {
            name: check_column(name, column, len(rows))
            for name, column in metadata.items()
        }
        if len(self):
            rows = np.concatenate([self.embeddings, rows])
            row_ids = np.concatenate([self.ids, row_ids])
            columns = {
                name: join_columns(name, self.metadata[name], column)
                for name, column in columns.items()
            }
        self.embeddings, self.ids, self.metadata = rows, row_ids, columns

    def remove(self, ids: Any) -> None:
        """Removes rows.

        Args:
            ids: An id or several.

        Raises:
            ValueError: If an id is not in the index, or is not a valid id, such
                as a boolean. The index is then unchanged.
        """
        ids = as_ids(ids)
        missing = ids[~np.isin(ids, self.ids)]
        if len(missing):
            raise ValueError(
                "`ids` must be in the index. Received: "
                f"{missing.tolist()[:5]}, which are not"
            )
        kept = ~np.isin(self.ids, ids)
        self.embeddings = self.embeddings[kept]
        self.ids = self.ids[kept]
        self.metadata = {
            name: column[kept] for name, column in self.metadata.items()
        }

    def search(
        self,
        queries: Any,
        k: int = 10,
        where: Mapping[str, Any] | Callable | None = None,
    ) -> SearchResults:
        """Finds the rows that are most similar to each query.

        To search by images or sentences, embed them:
        `index.search(model.encode_text(tokenizer(["a red star"])))`.

        Args:
            queries: Array or tensor of shape `(n, dim)`, or `(dim,)` for one.
                They need not be normalized.
            k: Int, number of rows to find. Fewer are found if the index has
                fewer rows, or fewer that satisfy `where`.
            where: Dict from columns of `metadata` to a value or a list of
                values that rows must have; or a function of the dict of columns
                that returns a boolean array, such as
                `lambda rows: rows["year"] > 2010`.

        Returns:
            A `SearchResults` of `ids` and `similarities`, best first. Equal
            similarities are in the order of the rows.

        Raises:
            ValueError: If the queries do not fit the rows, the index is empty,
                `where` names an unknown column, or no row satisfies it.
        """
        is_kept = (
            None
            if where is None
            else kept_rows(where, self.metadata, len(self))
        )
        count = len(self) if is_kept is None else int(is_kept.sum())
        rows, is_single, k = self.check_query(queries, k, count)
        similarity, number = exact_search(rows, self.embeddings, k, is_kept)
        ids = self.ids[number]
        if is_single:
            return SearchResults(ids[0], similarity[0])
        return SearchResults(ids, similarity)

    def approximate(
        self, library: str, neighbors: int = 32, effort: int = 128
    ) -> ApproximateIndex:
        """Builds a graph for faster, approximate search.

        Args:
            library: `"faiss"`, `"usearch"` or `"hnswlib"`, which must be
                installed. Each builds an HNSW graph.
            neighbors: Int, the number of links of each row. Defaults to 32.
            effort: Int, the number of candidate rows while building and
                searching. Defaults to 128.

        Returns:
            An `ApproximateIndex` with `search(queries, k)` and
            `recall(queries, k)`, relative to the exact search.

        Raises:
            ImportError: If the library is not installed.
            ValueError: If it is unknown, or `neighbors` or `effort` is not a
                positive integer.
        """
        return ApproximateIndex(self, library, neighbors, effort)

    def near_duplicates(
        self, threshold: float = 0.95, verbose: bool = True
    ) -> list[list]:
        """Groups of ids whose rows are almost equal, see `near_duplicates`.

        Args:
            threshold: Float in [-1, 1], the least cosine of a pair.
            verbose: Whether to show a progress bar for 20,000 rows or more.

        Returns:
            A list of lists of ids, the largest groups first.
        """
        groups = similar_groups(self.embeddings, threshold, verbose)
        return [self.ids[group].tolist() for group in groups]

    def save(self, path: str | os.PathLike) -> None:
        """Saves the index to a folder of `.npy` files with checksums.

        Args:
            path: A new folder, or the folder of a saved index, which is
                replaced.

        Raises:
            ValueError: If the path holds anything else.
        """
        arrays = {"embeddings": self.embeddings, "ids": self.ids}
        for name, column in self.metadata.items():
            arrays[_METADATA + name] = column
        write_arrays(Path(path).expanduser(), arrays)

    @classmethod
    def load(
        cls, path: str | os.PathLike, mmap: bool = True, verify: bool = True
    ) -> "EmbeddingIndex":
        """Loads a saved index.

        Args:
            path: The folder.
            mmap: Whether the embeddings stay in their file and are read as they
                are searched.
            verify: Whether to compare checksums, which reads all files once.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If the folder does not hold an index, or is damaged.
        """
        mapped = {"embeddings"} if check_bool("mmap", mmap) else set()
        verify = check_bool("verify", verify)
        arrays = read_arrays(Path(path).expanduser(), mapped, verify)
        index = cls()
        index.embeddings, index.ids = arrays["embeddings"], arrays["ids"]
        index.metadata = {
            name.removeprefix(_METADATA): array
            for name, array in arrays.items()
            if name.startswith(_METADATA)
        }
        return index

    def check_query(
        self, queries: Any, k: int, count: int
    ) -> tuple[np.ndarray, bool, int]:
        """Returns normalized rows, whether it was a single query, and `k`."""
        k = min(check_positive_int("k", k), count)
        if not k:
            what = "`where` fits no row" if len(self) else "the index is empty"
            raise ValueError(f"There is nothing to search in: {what}.")
        queries = np.asarray(ops.convert_to_numpy(queries))
        is_single = queries.ndim == 1
        rows = as_features(np.atleast_2d(queries), "queries")
        if rows.shape[1] != self.embeddings.shape[1]:
            raise ValueError(
                f"`queries` must have {self.embeddings.shape[1]} columns, as "
                f"the index. Received: shape {queries.shape}"
            )
        return normalize_rows(rows), is_single, k
