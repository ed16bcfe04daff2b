from typing import Any

import keras

from keras_contrastive.layers.random_state import RandomState


class KeepsRandomState:
    """A model whose files hold all of its random state.

    The layers of this package save their own; Keras' layers (Dropout, for
    one) do not, so the model does.
    """

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        for index, generator in enumerate(self.foreign_seed_generators()):
            state = keras.ops.convert_to_numpy(generator.state)
            store[f"random_state_{index}"] = state

    def load_own_variables(self, store: Any) -> None:
        generators = self.foreign_seed_generators()
        saved = [f"random_state_{i}" for i in range(len(generators))]
        rest = {k: store[k] for k in store.keys() if k not in saved}
        super().load_own_variables(rest)
        for name, generator in zip(saved, generators, strict=True):
            if name in store.keys():
                generator.state.assign(store[name])

    def foreign_seed_generators(self) -> Any:
        """Those of layers that do not save them, such as Keras' Dropout."""
        return [
            generator
            for layer in self._flatten_layers()
            for generator in getattr(layer, "_seed_generators", [])
            if type(generator) is not RandomState
        ]
