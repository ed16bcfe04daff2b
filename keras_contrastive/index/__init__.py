"""Search in embeddings: nearest rows, filters, near-duplicates."""

from keras_contrastive.index.approximate_index import ApproximateIndex
from keras_contrastive.index.embedding_index import EmbeddingIndex
from keras_contrastive.index.near_duplicates import near_duplicates
from keras_contrastive.index.search_results import SearchResults

__all__ = [
    "ApproximateIndex",
    "EmbeddingIndex",
    "SearchResults",
    "near_duplicates",
]
