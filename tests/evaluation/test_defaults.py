"""What the functions do if not told otherwise, as their pages say."""

import inspect

import pytest

from keras_contrastive import evaluation

DEFAULTS = {
    "extract_features": {"batch_size": 256, "verbose": "auto"},
    "knn_classify": {"k": 200, "temperature": 0.1, "chunk_size": None},
    "linear_probe": {
        "epochs": 100,
        "batch_size": 256,
        "learning_rate": None,
        "seed": 0,
        "verbose": "auto",
        "solver": "sgd",
    },
    "retrieval_recall": {"ks": (1, 5, 10), "chunk_size": None},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(name):
    parameters = inspect.signature(getattr(evaluation, name)).parameters
    defaults = {
        parameter.name: parameter.default
        for parameter in parameters.values()
        if parameter.default is not parameter.empty
    }
    assert defaults == DEFAULTS[name]
