"""Base of all augmentation layers, for any kind of example."""

from typing import Any

import keras

from keras_contrastive.layers.data_layer import DataLayer
from keras_contrastive.layers.random_state import RandomState
from keras_contrastive.matmul import without_autocast


class ExampleLayer(DataLayer):
    """Base of layers that change each example of a batch.

    A subclass for a kind of example, images or signals, sets `example_rank` to
    the number of axes of an example, checks shapes, and implements `augment`
    for training and `prepare` for inference. Both receive a float32 batch and
    use only `self.backend`, which is TensorFlow inside `tf.data` on every Keras
    backend.
    """

    example_rank: int
    # Whether `draw_transformation` draws everything that `augment` draws.
    draws_first = False

    def draw_transformation(self, examples: Any) -> Any:
        """Draws for a batch what `augment` draws: tensors, the batch first.

        Only the shape of `examples` matters.
        """
        raise NotImplementedError

    def apply_transformation(self, examples: Any, transformation: Any) -> Any:
        """Applies the draws of `augment` to a float32 batch."""
        raise NotImplementedError

    def transform(self, examples: Any, transformation: Any) -> Any:
        """Like a call with `training=True`, but with the given draws.

        Args:
            examples: A batch, or rows of one.
            transformation: The result of `draw_transformation`, or the same
                rows of it.

        Returns:
            The result of a call; for rows, the same rows of it.
        """
        self.check_shape(examples.shape)
        examples = self.as_floats(examples)
        with without_autocast(examples):
            examples = self.apply_transformation(examples, transformation)
        return self.backend.cast(examples, self.compute_dtype)

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # Most layers have no state to build. If a layer is not built, Keras
        # retraces the model in each `fit` and, on JAX, runs it eagerly in each
        # `predict`; and a pipeline never calls its layers.
        self.built = type(self).build is keras.Layer.build

    def augment(self, examples: Any) -> Any:
        """The output of the layer with `training=True`."""
        return self.apply_transformation(
            examples, self.draw_transformation(examples)
        )

    def prepare(self, examples: Any) -> Any:
        """The output of the layer with `training=False`."""
        return examples

    def as_floats(self, examples: Any) -> Any:
        """The examples in float32, as `augment` and `prepare` take them."""
        return self.backend.cast(examples, self.input_dtype)

    def check_shape(self, shape: Any) -> None:
        """Raises unless `shape` is that of an example or a batch."""
        raise NotImplementedError

    def change(self, examples: Any, training: bool) -> Any:
        """Augments or prepares one example or a batch of them."""
        self.check_shape(examples.shape)
        examples = self.as_floats(examples)
        batched = len(examples.shape) > self.example_rank
        if not batched:
            examples = examples[None]
        change = self.augment if training else self.prepare
        with without_autocast(examples):
            examples = change(examples)
        if not batched:
            examples = examples[0]
        return self.backend.cast(examples, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        self.check_shape(input_shape)
        return tuple(input_shape)


class Draws(ExampleLayer):
    """Mixin that gives an `ExampleLayer` its own random state.

    Args:
        seed: Integer, or `None` for a random one.
    """

    def __init__(self, *, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = RandomState(seed)

    def draw(self, examples: Any, count: int, seed: Any = None) -> Any:
        """Independent uniform draws in [0, 1), shape `(batch, count)`."""
        batch = self.backend.shape(examples)[0]
        return self.backend.random.uniform(
            (batch, count), dtype="float32", seed=self._seed(seed)
        )

    def draw_normal(self, shape: Any, seed: Any = None) -> Any:
        """Independent draws of mean 0 and standard deviation 1."""
        return self.backend.random.normal(
            shape, dtype="float32", seed=self._seed(seed)
        )

    def _seed(self, seed):
        if seed is None:
            return self._get_seed_generator(self.backend.name)
        return seed

    def save_own_variables(self, store: Any) -> None:
        self.generator.save_to(store)

    def load_own_variables(self, store: Any) -> None:
        self.generator.load_from(store)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
