"""Steps with `tf.GradientTape`."""

import keras
import tensorflow as tf


def train_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    if not model.built:
        # Elsewhere Keras has done so by now, here only under a strategy.
        model.build(keras.tree.map_structure(lambda v: tuple(v.shape), x))
    views = model.make_views(x, training=True)
    with tf.GradientTape() as tape:
        embeddings = model.embed(views, training=True)
        loss = model.compute_loss(
            x, y, embeddings, sample_weight, training=True
        )
        scaled_loss = model.optimizer.scale_loss(loss)
    weights = model.trainable_weights
    gradients = tape.gradient(scaled_loss, weights)
    model.optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return _per_worker(model.compute_metrics(x, y, embeddings, sample_weight))


def test_step(model, data):
    x, y, sample_weight = model.unpack_data(data)
    views = model.make_views(x, training=False)
    embeddings = model.embed(views, training=False)
    model.compute_loss(x, y, embeddings, sample_weight, training=False)
    return _per_worker(model.compute_metrics(x, y, embeddings, sample_weight))


def _per_worker(logs):
    """The logs in the form that Keras takes from several workers.

    It averages their logs over the first axis, which a scalar has not.
    """
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
