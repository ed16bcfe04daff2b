"""Steps with `Tensor.backward`."""

import torch

from keras_contrastive.distribution.torch import average_over_replicas
from keras_contrastive.distribution.torch import check_shards


def train_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    check_shards(x)
    with torch.no_grad():
        views = model.make_views(x, training=True)
    model.zero_grad()
    embeddings = model.embed(views, training=True)
    loss = model.compute_loss(x, y, embeddings, sample_weight, training=True)
    model.optimizer.scale_loss(loss).backward()
    weights = model.trainable_weights
    gradients = [weight.value.grad for weight in weights]
    with torch.no_grad():
        average_over_replicas(gradients)
        model.optimizer.apply(gradients, weights)
        return model.compute_metrics(x, y, embeddings, sample_weight)


def test_step(model, data):
    # Keras runs this under `torch.no_grad`.
    x, y, sample_weight = model.unpack_data(data)
    check_shards(x)
    views = model.make_views(x, training=False)
    embeddings = model.embed(views, training=False)
    model.compute_loss(x, y, embeddings, sample_weight, training=False)
    return model.compute_metrics(x, y, embeddings, sample_weight)
