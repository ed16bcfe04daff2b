"""Steps with `Tensor.backward`."""

import keras
import torch

from keras_contrastive.distribution.torch import average_over_replicas
from keras_contrastive.distribution.torch import check_shards
from keras_contrastive.models.train_step import microbatches


def train_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    check_shards(x)
    model.zero_grad()

    def backward(embeddings):
        loss = model.watched_loss(
            x, y, embeddings, sample_weight, training=True
        )
        model.optimizer.scale_loss(loss).backward()

    if model.microbatch_size is None:
        with torch.no_grad():
            views = model.make_views(x, training=True)
        embeddings = model.embed(views, training=True)
        backward(embeddings)
    else:
        with torch.no_grad():
            drawn = microbatches.draw_views(model, x)
        embeddings = _in_parts(model, drawn, backward)
    weights = model.trainable_weights
    gradients = [weight.value.grad for weight in weights]
    with torch.no_grad():
        average_over_replicas(gradients)
        model.optimizer.apply(gradients, weights)
        return model.compute_metrics(x, y, embeddings, sample_weight)


def _in_parts(model, drawn, backward):
    """Backward pass with the activations of one microbatch at a time.

    Returns:
        The embeddings of the whole batch.
    """
    count = microbatches.count_parts(model, drawn)
    drawn = microbatches.in_parts(drawn, count)

    def views_of(i):
        with torch.no_grad():
            return microbatches.finish_views(model, _part(drawn, i))

    before = _state(model)
    with torch.no_grad():
        embeddings = [
            microbatches.embed(model, views_of(i)) for i in range(count)
        ]
        embeddings = microbatches.as_whole(
            keras.tree.map_structure(lambda *x: torch.stack(x), *embeddings)
        )
    floats = [x.requires_grad_() for x in microbatches.floats_of(embeddings)]
    backward(microbatches.with_floats(embeddings, floats))
    slopes = [torch.zeros_like(x) if x.grad is None else x.grad for x in floats]
    after = _state(model)
    # Once more from the same state, which draws the same numbers again.
    _restore(model, before)
    slopes = microbatches.in_parts(slopes, count)
    for i in range(count):
        embeddings_of_part = model.embed(views_of(i), training=True)
        floats = microbatches.floats_of(embeddings_of_part)
        microbatches.inner_product(floats, _part(slopes, i)).backward()
    _restore(model, after)
    return embeddings


def _part(tree, i):
    return keras.tree.map_structure(lambda x: x[i], tree)


def _state(model):
    """What a forward pass changes: the model's state and PyTorch's numbers."""
    values = [v.value.detach().clone() for v in model.non_trainable_variables]
    device = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return values, torch.get_rng_state(), device


def _restore(model, state):
    values, host, device = state
    for variable, value in zip(
        model.non_trainable_variables, values, strict=True
    ):
        variable.assign(value)
    torch.set_rng_state(host)
    if device:
        torch.cuda.set_rng_state_all(device)


def test_step(model, data):
    # Keras runs this under `torch.no_grad`.
    x, y, sample_weight = model.unpack_data(data)
    check_shards(x)
    views = model.make_views(x, training=False)
    embeddings = model.embed(views, training=False)
    model.watched_loss(x, y, embeddings, sample_weight, training=False)
    return model.compute_metrics(x, y, embeddings, sample_weight)
