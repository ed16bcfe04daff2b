"""Figures of views and of embeddings."""

from keras_contrastive.visualization.plot_embeddings import plot_embeddings
from keras_contrastive.visualization.plot_views import plot_views

__all__ = ["plot_embeddings", "plot_views"]
