"""Steps as pure functions of the state, with `jax.grad`."""

import jax
import keras

from keras_contrastive.models.train_step import microbatches


def train_step(model, state, data):
    x, y, sample_weight = model.unpack_data(data)
    trainable, non_trainable, optimizer, metrics = state

    def make_views():
        if model.microbatch_size is None:
            return model.make_views(x, training=True)
        return microbatches.draw_views(model, x)

    views, (_, non_trainable, metrics) = _stateless(
        model, (trainable, non_trainable, metrics), make_views
    )

    def loss_of(trainable, non_trainable, embed):
        """The loss of `embed()`, and the logs and state with it."""

        def forward():
            embeddings = embed()
            loss = model.watched_loss(
                x, y, embeddings, sample_weight, training=True
            )
            logs = model.compute_metrics(x, y, embeddings, sample_weight)
            return model.optimizer.scale_loss(loss), logs

        (loss, logs), (_, non_trainable, metrics_) = _stateless(
            model,
            (trainable, non_trainable, metrics),
            forward,
            # Scaling the loss reads the optimizer's scale.
            extra=zip(model.optimizer.variables, optimizer, strict=True),
        )
        return loss, (logs, non_trainable, metrics_)

    gradients_of = _gradients if model.microbatch_size is None else _in_parts
    gradients, (logs, non_trainable, metrics) = gradients_of(
        model, views, trainable, non_trainable, metrics, loss_of
    )
    trainable, optimizer = model.optimizer.stateless_apply(
        optimizer, gradients, trainable
    )
    return logs, (trainable, non_trainable, optimizer, metrics)


def _gradients(model, views, trainable, non_trainable, metrics, loss_of):
    def forward(trainable):
        return loss_of(
            trainable, non_trainable, lambda: model.embed(views, training=True)
        )

    return jax.grad(forward, has_aux=True)(trainable)


def _in_parts(model, drawn, trainable, non_trainable, metrics, loss_of):
    """The same gradients, with the activations of one microbatch at a time."""
    count = microbatches.count_parts(model, drawn)
    drawn = microbatches.in_parts(drawn, count)

    def embed(trainable, non_trainable, part):
        embeddings, (_, non_trainable, _) = _stateless(
            model,
            (trainable, non_trainable, metrics),
            lambda: microbatches.embed(
                model, microbatches.finish_views(model, part)
            ),
        )
        return embeddings, non_trainable

    def forward(non_trainable, part):
        embeddings, non_trainable = embed(trainable, non_trainable, part)
        return non_trainable, embeddings

    after, embeddings = jax.lax.scan(forward, non_trainable, drawn)
    embeddings = microbatches.as_whole(embeddings)

    def loss_of_floats(trainable, floats):
        return loss_of(
            trainable,
            after,
            lambda: microbatches.with_floats(embeddings, floats),
        )

    (gradients, slopes), results = jax.grad(
        loss_of_floats, argnums=(0, 1), has_aux=True
    )(trainable, microbatches.floats_of(embeddings))

    # Once more from the same state, which draws the same numbers again.
    def backward(carry, part_and_slopes):
        non_trainable, gradients = carry
        part, slopes = part_and_slopes

        def product(trainable):
            embeddings, after = embed(trainable, non_trainable, part)
            floats = microbatches.floats_of(embeddings)
            return microbatches.inner_product(floats, slopes), after

        more, non_trainable = jax.grad(product, has_aux=True)(trainable)
        gradients = jax.tree.map(jax.numpy.add, gradients, more)
        return (non_trainable, gradients), None

    slopes = microbatches.in_parts(slopes, count)
    (_, gradients), _ = jax.lax.scan(
        backward, (non_trainable, gradients), (drawn, slopes)
    )
    return gradients, results


def test_step(model, state, data):
    x, y, sample_weight = model.unpack_data(data)

    def forward():
        views = model.make_views(x, training=False)
        embeddings = model.embed(views, training=False)
        model.watched_loss(x, y, embeddings, sample_weight, training=False)
        return model.compute_metrics(x, y, embeddings, sample_weight)

    return _stateless(model, state, forward)


def inspected(model, predict_function):
    """A model's function of `predict`, which also inspects its batches.

    Keras' state in `predict` holds no metrics, so that `predict_step` cannot
    record anything: what a batch holds is recorded beside it.
    """
    variables = model.health.variables

    @jax.jit
    def inspect(values, data):
        mapping = zip(variables, values, strict=True)
        with keras.StatelessScope(state_mapping=list(mapping)) as scope:
            model.inspect(data)
        return [scope.get_current_value(variable) for variable in variables]

    def watched(iterator):
        for data in iterator:
            values = inspect([v.value for v in variables], data)
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            yield data

    def function(state, iterator):
        return predict_function(state, watched(iterator))

    return function


def _stateless(model, state, function, extra=()):
    """Runs `function()` on a model whose variables have the values `state`.

    Args:
        model: The model.
        state: Values of its trainable, non-trainable and metric variables.
        function: Callable without arguments that uses the model.
        extra: Further pairs of a variable and its value.

    Returns:
        What `function` returned, and the state after it.
    """
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.metrics_variables,
    )
    mapping = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(
        state_mapping=[*mapping, *extra], collect_losses=True
    ) as scope:
        result = function()
    new_state = tuple(
        [scope.get_current_value(variable) for variable in variables]
        for variables in groups
    )
    return result, new_state
