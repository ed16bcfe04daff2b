"""Steps as pure functions of the state, with `jax.grad`.

In each stage of a step, the model's variables hold the values of the state
that was passed to the stage. They include the optimizer's variables, so that
schedules can follow `optimizer.iterations`.
"""

from typing import NamedTuple

import jax
import keras

from keras_contrastive.distribution.single_view import whole
from keras_contrastive.trainer import microbatches
from keras_contrastive.trainer.keras_internals import step_counter


class _State(NamedTuple):
    """Values of a model's variables, in the order of Keras' train step."""

    trainable: list
    non_trainable: list
    optimizer: list  # `[step_counter]` alone in a test step
    metrics: list


def train_step(model, state, data):
    x, y, sample_weight = model.unpack_data(data)
    in_parts = model.microbatch_size is not None

    def before():
        if in_parts:
            return microbatches.draw_views(model, x), None
        views = model.make_views(x, training=True)
        return views, model.embed_targets(views, training=True)

    (views, targets), state = _run(model, _State(*state), before)

    def loss_of(state, embed, targets):
        """The loss, with the embeddings, the logs and the state."""

        def forward():
            embeddings = embed()
            loss = model.total_loss(
                embeddings, targets, y, sample_weight, training=True
            )
            model.update_metrics(embeddings, targets, sample_weight)
            logs = model.get_metrics_result()
            return model.optimizer.scale_loss(loss), (embeddings, logs)

        (loss, results), state = _run(model, state, forward)
        return loss, (*results, state)

    gradients_of = _gradients_in_parts if in_parts else _gradients
    gradients, targets, (embeddings, logs, state) = gradients_of(
        model, views, targets, state, loss_of
    )
    trainable, optimizer = model.optimizer.stateless_apply(
        state.optimizer, gradients, state.trainable
    )
    state = state._replace(trainable=trainable, optimizer=optimizer)
    _, state = _run(
        model, state, lambda: model.after_update(embeddings, targets)
    )
    return logs, tuple(state)


def _gradients(model, views, targets, state, loss_of):
    def forward(trainable):
        return loss_of(
            state._replace(trainable=trainable),
            lambda: model.embed(views, training=True),
            targets,
        )

    gradients, results = jax.grad(forward, has_aux=True)(state.trainable)
    return gradients, targets, results


def _gradients_in_parts(model, drawn, targets, state, loss_of):
    """The same gradients, storing activations of one microbatch at a time."""
    count = microbatches.count_parts(model, drawn)
    drawn = microbatches.in_parts(drawn, count)

    def visit(function):
        """A `scan` step that carries the state without gradients."""

        def stage(non_trainable, part):
            result, after = _run(
                model,
                state._replace(non_trainable=non_trainable),
                lambda: function(microbatches.finish_views(model, part)),
            )
            return after.non_trainable, result

        return stage

    def embed_targets(views):
        return model.embed_targets(views, training=True)

    def embed(views):
        return microbatches.embed(model, views)

    before = state.non_trainable
    if model.has_targets:
        before, targets = jax.lax.scan(visit(embed_targets), before, drawn)
        targets = microbatches.as_whole(targets)
    after, embeddings = jax.lax.scan(visit(embed), before, drawn)
    embeddings = microbatches.as_whole(embeddings)

    def loss_of_floats(trainable, floats):
        return loss_of(
            state._replace(trainable=trainable, non_trainable=after),
            lambda: microbatches.with_floats(embeddings, floats),
            targets,
        )

    (gradients, slopes), results = jax.grad(
        loss_of_floats, argnums=(0, 1), has_aux=True
    )(state.trainable, microbatches.floats_of(embeddings))

    # Repeat from the same state, which draws the same random numbers again.
    def backward(carry, part_and_slopes):
        non_trainable, gradients = carry
        part, slopes = part_and_slopes

        def product(trainable):
            embeddings, after = _run(
                model,
                state._replace(
                    trainable=trainable, non_trainable=non_trainable
                ),
                lambda: embed(microbatches.finish_views(model, part)),
            )
            floats = microbatches.floats_of(embeddings)
            product = microbatches.inner_product(floats, slopes)
            return product, after.non_trainable

        more, non_trainable = jax.grad(product, has_aux=True)(state.trainable)
        gradients = jax.tree.map(jax.numpy.add, gradients, more)
        return (non_trainable, gradients), None

    slopes = microbatches.in_parts(slopes, count)
    (_, gradients), _ = jax.lax.scan(
        backward, (before, gradients), (drawn, slopes)
    )
    return gradients, targets, results


def test_step(model, state, data):
    data, iterations = data  # see `_with_iterations`
    x, y, sample_weight = model.unpack_data(data)
    trainable, non_trainable, metrics = state

    logs, state = _run(
        model,
        _State(trainable, non_trainable, iterations, metrics),
        lambda: model.evaluate_batch(x, y, sample_weight),
    )
    return logs, (state.trainable, state.non_trainable, state.metrics)


def predict_step(model, step, state, data):
    # `_inspected` has recorded the batch. If several processes share it, Keras
    # cannot read the parts of the other processes.
    outputs, state = step(state, data)
    return whole(outputs), state


def complete_function(model, name, make):
    """Wraps Keras' function of a state and batches, to prepare the batches."""
    function = getattr(model, name)
    batches_of = {
        "train_function": lambda batches: _checked(model, batches),
        "test_function": lambda batches: _with_iterations(
            model, _checked(model, batches)
        ),
        "predict_function": _inspected(model),
    }[name]
    return lambda state, batches: function(state, batches_of(batches))


def _checked(model, batches):
    """Yields each batch, checked before its values are cast to 32 bits."""
    for batch in batches:
        model.check_host_batch(batch)
        yield batch


def _with_iterations(model, batches):
    """Yields each batch of evaluation with the optimizer's iterations.

    Keras' state of a test step holds no optimizer variables.
    """
    iterations = [variable.value for variable in _iterations(model)]
    for batch in batches:
        yield batch, iterations


def _inspected(model):
    """Returns a generator function that also passes batches to `model.inspect`.

    Keras' state of `predict` holds no metrics, so `predict_step` cannot record
    anything: the batches are recorded outside the step.
    """
    variables = model.health.variables

    @jax.jit
    def inspect(values, data):
        mapping = zip(variables, values, strict=True)
        with keras.StatelessScope(state_mapping=list(mapping)) as scope:
            model.inspect(data)
        return [scope.get_current_value(variable) for variable in variables]

    def inspected(batches):
        for data in batches:
            values = inspect([v.value for v in variables], data)
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            yield data

    return inspected


def _iterations(model):
    return [] if model.optimizer is None else [step_counter(model.optimizer)]


def _run(model, state, function):
    """Runs `function()` on a model whose variables hold the values `state`.

    Returns:
        What `function` returned, and the state after it.
    """
    optimizer = _iterations(model)
    if len(state.optimizer) != len(optimizer):
        optimizer = model.optimizer.variables
    groups = _State(
        model.trainable_variables,
        model.non_trainable_variables,
        optimizer,
        model.metrics_variables,
    )
    mapping = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(
        state_mapping=mapping, collect_losses=True
    ) as scope:
        result = function()
    after = (
        [scope.get_current_value(variable) for variable in variables]
        for variables in groups
    )
    return result, _State(*after)
