"""What all augmentation layers share, whatever the examples are."""

from typing import Any

import keras

from keras_contrastive.layers.augmentation.data_layer import DataLayer
from keras_contrastive.layers.random_state import RandomState


class ExampleLayer(DataLayer):
    """Base of what changes each example of a batch.

    A kind of example, images or signals, says with `example_rank` how many
    axes one has, checks shapes, and says what is done in training and outside
    of it. Both see a float32 batch and use `self.backend` only: inside
    `tf.data` that is TensorFlow, whatever the Keras backend.
    """

    example_rank: int
    # Whether all that `augment` draws is in its `draw_transformation`.
    draws_first = False

    def draw_transformation(self, examples: Any) -> Any:
        """What `augment` draws for a batch: tensors, the batch first.

        Only the shape of `examples` matters.
        """
        raise NotImplementedError

    def apply_transformation(self, examples: Any, transformation: Any) -> Any:
        """What `augment` does with the draws, to a float32 batch."""
        raise NotImplementedError

    def transform(self, examples: Any, transformation: Any) -> Any:
        """A call with `training=True` that takes the draws as given.

        Args:
            examples: A batch, or the rows of one.
            transformation: What `draw_transformation` returned, or these rows
                of it.

        Returns:
            What a call returns; of rows, the rows.
        """
        self.check_shape(examples.shape)
        examples = self.backend.cast(examples, "float32")
        examples = self.apply_transformation(examples, transformation)
        return self.backend.cast(examples, self.compute_dtype)

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # Most have no state to build. Keras traces a model anew in each `fit`,
        # and on JAX runs it eagerly in each `predict`, while one of its layers
        # is not built, and a pipeline never calls its layers.
        self.built = type(self).build is keras.Layer.build

    def augment(self, examples: Any) -> Any:
        """What the layer does with `training=True`."""
        return self.apply_transformation(
            examples, self.draw_transformation(examples)
        )

    def prepare(self, examples: Any) -> Any:
        """What the layer does with `training=False`."""
        return examples

    def check_shape(self, shape: Any) -> None:
        """Raises unless it is that of an example or of a batch of them."""
        raise NotImplementedError

    def change(self, examples: Any, training: bool) -> Any:
        """Augments or prepares one example or a batch of them."""
        self.check_shape(examples.shape)
        examples = self.backend.cast(examples, self.input_dtype)
        batched = len(examples.shape) > self.example_rank
        if not batched:
            examples = examples[None]
        examples = (
            self.augment(examples) if training else self.prepare(examples)
        )
        if not batched:
            examples = examples[0]
        return self.backend.cast(examples, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        self.check_shape(input_shape)
        return tuple(input_shape)


class Draws:
    """Random state of its own, for an `ExampleLayer`.

    Args:
        seed: Integer, or `None` for a random one.
    """

    def __init__(self, *, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = RandomState(seed)

    def draw(self, examples: Any, count: int, seed: Any = None) -> Any:
        """Uniform draws in [0, 1), independent: shape `(batch, count)`."""
        batch = self.backend.shape(examples)[0]
        return self.backend.random.uniform(
            (batch, count), dtype="float32", seed=self._seed(seed)
        )

    def draw_normal(self, shape: Any, seed: Any = None) -> Any:
        """Draws of mean 0 and standard deviation 1, independent."""
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
