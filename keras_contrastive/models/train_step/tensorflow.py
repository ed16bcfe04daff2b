"""Steps with `tf.GradientTape`."""

import keras
import tensorflow as tf

from keras_contrastive.models.data_checks import not_divided
from keras_contrastive.models.train_step import microbatches


def train_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    if not model.built:
        # Elsewhere Keras has done so by now, here only under a strategy.
        model.build(keras.tree.map_structure(lambda v: tuple(v.shape), x))

    def loss_of(embeddings):
        loss = model.watched_loss(
            x, y, embeddings, sample_weight, training=True
        )
        return model.optimizer.scale_loss(loss)

    weights = model.trainable_weights
    if model.microbatch_size is None:
        views = model.make_views(x, training=True)
        with tf.GradientTape() as tape:
            embeddings = model.embed(views, training=True)
            loss = loss_of(embeddings)
        gradients = [_dense(g) for g in tape.gradient(loss, weights)]
    else:
        drawn = microbatches.draw_views(model, x)
        gradients, embeddings = _in_parts(model, drawn, loss_of)
    model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return _per_worker(model.compute_metrics(x, y, embeddings, sample_weight))


def _in_parts(model, drawn, loss_of):
    """Gradients with the activations of one microbatch at a time.

    Returns:
        The gradients, and the embeddings of the whole batch.
    """
    count = _count_parts(model, drawn)
    drawn = microbatches.in_parts(drawn, count)
    weights = [variable.value for variable in model.trainable_weights]
    state = model.non_trainable_variables
    before = [tf.identity(variable.value) for variable in state]

    def views_of(i):
        return microbatches.finish_views(model, _part(drawn, i))

    # The first microbatch also tells the shapes of the embeddings.
    first = microbatches.embed(model, views_of(0))
    arrays = [
        tf.TensorArray(x.dtype, count, element_shape=x.shape).write(0, x)
        for x in tf.nest.flatten(first)
    ]

    def forward(i, arrays):
        embeddings = tf.nest.flatten(model.embed(views_of(i), True))
        return [
            array.write(i, x)
            for array, x in zip(arrays, embeddings, strict=True)
        ]

    arrays = _repeat(1, count, forward, arrays)
    embeddings = microbatches.as_whole(
        tf.nest.pack_sequence_as(first, [array.stack() for array in arrays])
    )

    floats = microbatches.floats_of(embeddings)
    with tf.GradientTape() as tape:
        tape.watch(floats)
        loss = loss_of(microbatches.with_floats(embeddings, floats))
    found = tape.gradient(
        loss, [*weights, *floats], unconnected_gradients="zero"
    )
    gradients, slopes = found[: len(weights)], found[len(weights) :]
    slopes = microbatches.in_parts(slopes, count)

    # Once more from the same state, which draws the same numbers again.
    after = [tf.identity(variable.value) for variable in state]
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)

    def backward(i, gradients):
        views = views_of(i)
        with tf.GradientTape() as tape:
            embeddings = model.embed(views, training=True)
            product = microbatches.inner_product(
                microbatches.floats_of(embeddings), _part(slopes, i)
            )
        more = tape.gradient(product, weights, unconnected_gradients="zero")
        more = [_dense(gradient) for gradient in more]
        return [a + b for a, b in zip(gradients, more, strict=True)]

    gradients = _repeat(0, count, backward, gradients)
    for variable, value in zip(state, after, strict=True):
        variable.assign(value)
    return gradients, embeddings


def _count_parts(model, views):
    """How many microbatches the views make, in an unknown batch too."""
    count = microbatches.count_parts(model, views)
    if isinstance(count, int):
        return count
    batch = tf.shape(tf.nest.flatten(views)[0])[0]
    check = tf.debugging.assert_equal(
        count * model.microbatch_size,
        batch,
        message=not_divided(model.microbatch_size, "another size"),
    )
    with tf.control_dependencies([check]):
        return tf.identity(count)


def _dense(gradient):
    """A gradient with the rows of an embedding summed up.

    Of rows that come twice Keras looks at one only, to clip a gradient or to
    find what float16 could not hold.
    """
    if isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient


def _part(tree, i):
    return tf.nest.map_structure(lambda x: x[i], tree)


def _repeat(start, count, function, values):
    """`values = function(i, values)` for `i` from `start` to `count`.

    A loop in the graph, one round at a time. Under a strategy, whose
    collectives cannot be in such a loop, one round after the other in the
    graph.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        _, values = tf.while_loop(
            lambda i, values: i < count,
            lambda i, values: (i + 1, function(i, values)),
            (start, values),
            parallel_iterations=1,
        )
        return values
    if not isinstance(count, int):
        raise ValueError(
            "The batch must be of a known size for `microbatch_size` under a "
            "tf.distribute strategy. Received: a batch of unknown size; use a "
            "tf.data.Dataset with batch(batch_size, drop_remainder=True)."
        )
    for i in range(start, count):
        values = function(i, values)
    return values


def test_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    views = model.make_views(x, training=False)
    embeddings = model.embed(views, training=False)
    model.watched_loss(x, y, embeddings, sample_weight, training=False)
    return _per_worker(model.compute_metrics(x, y, embeddings, sample_weight))


def _per_worker(logs):
    """The logs in the form that Keras takes from several workers.

    It averages their logs over the first axis, which a scalar has not.
    """
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
