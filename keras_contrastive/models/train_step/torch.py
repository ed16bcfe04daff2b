"""Steps with `Tensor.backward`."""

import torch


def train_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    with torch.no_grad():
        views = model.make_views(x, training=True)
    model.zero_grad()
    embeddings = model.embed(views, training=True)
    loss = model.compute_loss(x, y, embeddings, sample_weight, training=True)
    model.optimizer.scale_loss(loss).backward()
    weights = model.trainable_weights
    with torch.no_grad():
        model.optimizer.apply([w.value.grad for w in weights], weights)
        return model.compute_metrics(x, y, embeddings, sample_weight)


def test_step(model, data):
    # Keras runs this under `torch.no_grad`.
    x, y, sample_weight = model.unpack_data(data)
    views = model.make_views(x, training=False)
    embeddings = model.embed(views, training=False)
    model.compute_loss(x, y, embeddings, sample_weight, training=False)
    return model.compute_metrics(x, y, embeddings, sample_weight)
