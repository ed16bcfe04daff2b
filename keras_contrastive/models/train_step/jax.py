"""Steps as pure functions of the state, with `jax.value_and_grad`."""

import jax
import keras


def train_step(model, state, data):
    x, y, sample_weight = model.unpack_data(data)
    trainable, non_trainable, optimizer, metrics = state

    views, (_, non_trainable, metrics) = _stateless(
        model,
        (trainable, non_trainable, metrics),
        lambda: model.make_views(x, training=True),
    )

    def forward():
        embeddings = model.embed(views, training=True)
        loss = model.compute_loss(
            x, y, embeddings, sample_weight, training=True
        )
        logs = model.compute_metrics(x, y, embeddings, sample_weight)
        return model.optimizer.scale_loss(loss), logs

    def loss_of(trainable):
        (loss, logs), (_, non_trainable_, metrics_) = _stateless(
            model,
            (trainable, non_trainable, metrics),
            forward,
            # Scaling the loss reads the optimizer's scale.
            extra=zip(model.optimizer.variables, optimizer, strict=True),
        )
        return loss, (logs, non_trainable_, metrics_)

    gradients, (logs, non_trainable, metrics) = jax.grad(loss_of, has_aux=True)(
        trainable
    )
    trainable, optimizer = model.optimizer.stateless_apply(
        optimizer, gradients, trainable
    )
    return logs, (trainable, non_trainable, optimizer, metrics)


def test_step(model, state, data):
    x, y, sample_weight = model.unpack_data(data)

    def forward():
        views = model.make_views(x, training=False)
        embeddings = model.embed(views, training=False)
        model.compute_loss(x, y, embeddings, sample_weight, training=False)
        return model.compute_metrics(x, y, embeddings, sample_weight)

    return _stateless(model, state, forward)


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
