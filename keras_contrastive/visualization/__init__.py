"""Figures of views, embeddings, images with their texts, and of whole runs."""

from keras_contrastive.visualization.plot_embeddings import plot_embeddings
from keras_contrastive.visualization.plot_examples import plot_examples
from keras_contrastive.visualization.plot_history import plot_history
from keras_contrastive.visualization.plot_retrieval import plot_retrieval
from keras_contrastive.visualization.plot_similarity import plot_similarity
from keras_contrastive.visualization.plot_views import plot_views
from keras_contrastive.visualization.report import report
from keras_contrastive.visualization.tensorboard import write_tensorboard_figure
from keras_contrastive.visualization.tensorboard import (
    write_tensorboard_projector,
)

__all__ = [
    "plot_embeddings",
    "plot_examples",
    "plot_history",
    "plot_retrieval",
    "plot_similarity",
    "plot_views",
    "report",
    "write_tensorboard_figure",
    "write_tensorboard_projector",
]
