"""Curation: finds errors, leaks and subsets of data by its embeddings."""

from keras_contrastive.curation.caption_errors import caption_errors
from keras_contrastive.curation.clusters import cluster
from keras_contrastive.curation.clusters import describe_clusters
from keras_contrastive.curation.label_errors import label_errors
from keras_contrastive.curation.leaks import leaks
from keras_contrastive.curation.outliers import outliers
from keras_contrastive.curation.subsets import diverse_subset
from keras_contrastive.curation.subsets import typical_subset

__all__ = [
    "caption_errors",
    "cluster",
    "describe_clusters",
    "diverse_subset",
    "label_errors",
    "leaks",
    "outliers",
    "typical_subset",
]
