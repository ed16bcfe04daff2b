"""Steps with `tf.GradientTape`."""

import types

import tensorflow as tf

from keras_contrastive.trainer import microbatches
from keras_contrastive.trainer.data_checks import DIVIDED
from keras_contrastive.trainer.data_checks import not_divided


def train_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    if not model.built:
        # On the other backends Keras has built the model by now; on TensorFlow
        # it has done so only under a strategy.
        model.build_from_batch(x)

    def loss_of(embeddings, targets):
        loss = model.total_loss(
            embeddings, targets, y, sample_weight, training=True
        )
        return model.optimizer.scale_loss(loss)

    weights = model.trainable_weights
    if model.microbatch_size is None:
        views = model.make_views(x, training=True)
        targets = model.embed_targets(views, training=True)
        with tf.GradientTape() as tape:
            embeddings = model.embed(views, training=True)
            loss = loss_of(embeddings, targets)
        gradients = [_dense(g) for g in tape.gradient(loss, weights)]
    else:
        drawn = microbatches.draw_views(model, x)
        gradients, embeddings, targets = _in_parts(model, drawn, loss_of)
    if weights:
        model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
    model.update_metrics(embeddings, targets, sample_weight)
    model.after_update(embeddings, targets)
    return _per_worker(model.get_metrics_result())


def _in_parts(model, drawn, loss_of):
    """Gradients, storing the activations of one microbatch at a time.

    Returns:
        The gradients, and the embeddings and targets of the whole batch.
    """
    count = _count_parts(model, drawn)
    drawn = microbatches.in_parts(drawn, count)
    weights = [variable.value for variable in model.trainable_weights]
    state = model.non_trainable_variables

    def views_of(i):
        return microbatches.finish_views(model, _part(drawn, i))

    def of_parts(function):
        """`function` of each microbatch's views, joined to the whole batch."""
        # The first microbatch also determines the shapes.
        first = function(views_of(0))
        arrays = [
            tf.TensorArray(x.dtype, count, element_shape=x.shape).write(0, x)
            for x in tf.nest.flatten(first)
        ]

        def visit(i, arrays):
            results = tf.nest.flatten(function(views_of(i)))
            return [
                array.write(i, x)
                for array, x in zip(arrays, results, strict=True)
            ]

        arrays = _repeat(1, count, visit, arrays)
        return microbatches.as_whole(
            tf.nest.pack_sequence_as(first, [a.stack() for a in arrays])
        )

    targets = None
    if model.has_targets:
        targets = of_parts(lambda v: model.embed_targets(v, training=True))
    before = [tf.identity(variable.value) for variable in state]
    embeddings = of_parts(lambda v: microbatches.embed(model, v))

    floats = microbatches.floats_of(embeddings)
    with tf.GradientTape() as tape:
        tape.watch(floats)
        loss = loss_of(microbatches.with_floats(embeddings, floats), targets)
    found = tape.gradient(
        loss, [*weights, *floats], unconnected_gradients="zero"
    )
    gradients, slopes = found[: len(weights)], found[len(weights) :]
    slopes = microbatches.in_parts(slopes, count)

    # Repeat from the same state, which draws the same random numbers again.
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
    return gradients, embeddings, targets


def _count_parts(model, views):
    """The number of microbatches, even if the batch size is unknown."""
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
        # XLA leaves assertions out, but refuses this shape while it compiles.
        parts = tf.reshape(
            tf.zeros(batch), (count, model.microbatch_size), name=DIVIDED
        )
        return tf.shape(parts)[0]


def _dense(gradient):
    """A gradient with repeated rows of an embedding summed.

    If a row occurs twice, Keras reads only one of them when it clips a gradient
    or looks for float16 overflow.
    """
    if isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient


def _part(tree, i):
    return tf.nest.map_structure(lambda x: x[i], tree)


def _repeat(start, count, function, values):
    """`values = function(i, values)` for `i` from `start` to `count`.

    It is a loop in the graph that runs one iteration at a time. Under a
    strategy the loop is unrolled, since collectives cannot be in such a loop.
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
    return _per_worker(model.evaluate_batch(*model.unpack_data(data)))


def _per_worker(logs):
    """The logs in the form that Keras expects from several workers.

    Keras averages the workers' logs over the first axis. A scalar has none.
    """
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}


def predict_step(model, step, data):
    model.inspect(data)
    return step(data)


def complete_function(model, name, make):
    """Wraps Keras' function of batches, with one function for each input rank.

    If a `tf.function` was traced for one rank and receives another, TensorFlow
    traces it again for an unknown rank. No step works with an unknown rank.
    """
    function = getattr(model, name)
    functions = {}

    def make_another():
        current = getattr(model, name)
        make(True)
        another = getattr(model, name)
        setattr(model, name, current)
        return another

    def of_ranks(data):
        if isinstance(data, types.GeneratorType):
            data = list(data)
        leaves = tf.nest.flatten(getattr(data, "element_spec", data), True)
        ranks = tuple(
            leaf.shape.rank
            if isinstance(leaf, (tf.Tensor, tf.TensorSpec))
            else getattr(leaf, "ndim", None)
            for leaf in leaves
        )
        if ranks not in functions:
            functions[ranks] = make_another() if functions else function
        return functions[ranks](data)

    return of_ranks
