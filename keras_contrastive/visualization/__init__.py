"""Figures of views, of embeddings, and of images with their texts."""

from keras_contrastive.visualization.plot_embeddings import plot_embeddings
from keras_contrastive.visualization.plot_retrieval import plot_retrieval
from keras_contrastive.visualization.plot_similarity import plot_similarity
from keras_contrastive.visualization.plot_views import plot_views

__all__ = [
    "plot_embeddings",
    "plot_retrieval",
    "plot_similarity",
    "plot_views",
]
