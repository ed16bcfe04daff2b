"""Steps with `Tensor.backward`."""

import keras
import torch

from keras_contrastive.distribution.torch import average_over_replicas
from keras_contrastive.distribution.torch import check_shards
from keras_contrastive.trainer import microbatches


def train_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    check_shards(x)
    model.zero_grad()

    def backward(embeddings, targets):
        loss = model.total_loss(
            embeddings, targets, y, sample_weight, training=True
        )
        # Nothing requires a gradient if all is frozen.
        if loss.requires_grad:
            model.optimizer.scale_loss(loss).backward()

    if model.microbatch_size is None:
        with torch.no_grad():
            views = model.make_views(x, training=True)
            targets = model.embed_targets(views, training=True)
        embeddings = model.embed(views, training=True)
        backward(embeddings, targets)
    else:
        with torch.no_grad():
            drawn = microbatches.draw_views(model, x)
        embeddings, targets = _in_parts(model, drawn, backward)
    weights = model.trainable_weights
    gradients = [weight.value.grad for weight in weights]
    with torch.no_grad():
        average_over_replicas(gradients)
        model.optimizer.apply(gradients, weights)
        model.update_metrics(embeddings, targets, sample_weight)
        model.after_update(embeddings, targets)
        return model.get_metrics_result()


def _in_parts(model, drawn, backward):
    """Backward pass, storing the activations of one microbatch at a time.

    Returns:
        The embeddings and the targets of the whole batch.
    """
    count = microbatches.count_parts(model, drawn)
    drawn = microbatches.in_parts(drawn, count)

    def views_of(i):
        with torch.no_grad():
            return microbatches.finish_views(model, _part(drawn, i))

    def of_parts(function):
        """`function` of each microbatch's views, joined to the whole batch."""
        with torch.no_grad():
            results = [function(views_of(i)) for i in range(count)]
            return microbatches.as_whole(
                keras.tree.map_structure(lambda *x: torch.stack(x), *results)
            )

    targets = None
    if model.has_targets:
        targets = of_parts(lambda v: model.embed_targets(v, training=True))
    before = _state(model)
    embeddings = of_parts(lambda v: microbatches.embed(model, v))
    floats = [x.requires_grad_() for x in microbatches.floats_of(embeddings)]
    backward(microbatches.with_floats(embeddings, floats), targets)
    slopes = [torch.zeros_like(x) if x.grad is None else x.grad for x in floats]
    after = _state(model)
    # Repeat from the same state, which draws the same random numbers again.
    _restore(model, before)
    slopes = microbatches.in_parts(slopes, count)
    for i in range(count):
        embeddings_of_part = model.embed(views_of(i), training=True)
        floats = microbatches.floats_of(embeddings_of_part)
        product = microbatches.inner_product(floats, _part(slopes, i))
        if product.requires_grad:
            product.backward()
    _restore(model, after)
    return embeddings, targets


def _part(tree, i):
    return keras.tree.map_structure(lambda x: x[i], tree)


def _state(model):
    """What a forward pass changes: model state and PyTorch's random state."""
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
    return model.evaluate_batch(x, y, sample_weight)


def predict_step(model, step, data):
    model.inspect(data)
    return step(data)


def complete_function(model, name, make):
    return getattr(model, name)
