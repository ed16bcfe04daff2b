from typing import Any

import keras
from keras import ops

from keras_contrastive.data_validation import check_ids
from keras_contrastive.layers.logit_scale import LogitScale
from keras_contrastive.layers.logit_scale import scale_for_loss
from keras_contrastive.layers.multi_view import draws_first
from keras_contrastive.layers.tower import Tower
from keras_contrastive.losses.clip_loss import CLIPLoss
from keras_contrastive.losses.siglip_loss import SigLIPLoss
from keras_contrastive.models.contrastive_model import ContrastiveModel
from keras_contrastive.trainer.bad_values import check_token_ids
from keras_contrastive.trainer.compile_arguments import parameters
from keras_contrastive.trainer.keras_internals import replace_layer
from keras_contrastive.trainer.named_inputs import form_of
from keras_contrastive.trainer.named_inputs import named_inputs


class MultimodalModel(ContrastiveModel):
    """Base of models whose encoders map several kinds of data to one space.

    A batch is a dict of named inputs. Each input has a `layers.Tower` and may
    have an augmenter. The models share one learned `logit_scale`.

    A subclass implements `input_names`, `tower_of`, `augmenter_of` and
    `watch_batch`. It creates its towers before it calls `add_logit_scale`.
    """

    named_losses = {"clip": CLIPLoss, "siglip": SigLIPLoss}
    # The key of the examples' ids in a batch.
    ids_name = "ids"
    exportable = (
        "a tower as a model of its own: "
        "`keras.Model(inputs, model.encode(name, inputs)).export(path)`"
    )

    # These are not dicts of layers, since Keras would save the layers under
    # both names.

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs, in the order of the encoders."""
        raise NotImplementedError

    @property
    def optional_names(self) -> tuple[str, ...]:
        """Other keys that a batch may have."""
        return (self.ids_name,)

    def tower_of(self, name: str) -> Tower:
        """The tower of an input."""
        raise NotImplementedError

    def augmenter_of(self, name: str) -> keras.Layer | None:
        """The augmenter of an input, if it has one."""
        raise NotImplementedError

    def watch_batch(self, inputs: dict[str, Any], training: bool) -> Any:
        """Checks inputs and records bad values in them.

        Args:
            inputs: Dict of one or more named inputs, and the optional entries
                of the batch except the ids.
            training: As in `ContrastiveModel.watch`.

        Returns:
            The inputs, without the bad values that must not be trained on.
        """
        raise NotImplementedError

    # The scale of the similarities.

    def add_logit_scale(self, logit_scale: LogitScale | None) -> None:
        """Sets `logit_scale`; with `None`, `compile` may replace it."""
        if logit_scale is None:
            logit_scale = LogitScale(adapts_to_loss=True)
        self.logit_scale = logit_scale

    def adapt_to_loss(self, loss: keras.losses.Loss) -> None:
        if self.logit_scale.adapts_to_loss:
            scale = scale_for_loss(loss, self.logit_scale)
            if scale is not self.logit_scale:
                replace_layer(self, "logit_scale", scale)

    def undecayed_variables(self) -> list:
        return self.logit_scale.variables

    def get_metrics_result(self) -> dict[str, Any]:
        logs = super().get_metrics_result()
        if not self.compiled or "logit_scale" not in parameters(self.loss):
            return logs
        logs["logit_scale"] = self.logit_scale.scale
        if self.logit_scale.bias is not None:
            # A copy: JAX deletes the variable's own value when it replaces it
            # in the next step.
            logs["logit_bias"] = 1.0 * ops.convert_to_tensor(
                self.logit_scale.bias
            )
        return logs

    def load_weights(self, *args: Any, **kwargs: Any) -> None:
        may_adapt = self.logit_scale.adapts_to_loss and not self.compiled
        try:
            super().load_weights(*args, **kwargs)
        except ValueError as error:
            if not may_adapt:
                raise
            raise ValueError(
                "The weights do not fit the model, which was not compiled. If "
                'they belong to a loss other than "clip", compile a new model '
                "with that loss before `load_weights`, since the loss "
                f"determines if there is a logit bias. Received: {error}"
            ) from error

    load_weights.__doc__ = ContrastiveModel.load_weights.__doc__

    # The functions of a method.

    def make_views(self, x: Any, training: bool) -> Any:
        return self.augment(self._watched(x, training), training)

    def augment(self, views: Any, training: bool) -> Any:
        """Augments each input in a dict of checked inputs."""
        augmented = {
            name: augmenter(views[name], training=training)
            for name, augmenter in self._augmenters().items()
        }
        return {**views, **augmented}

    def draw_views(self, x: Any) -> Any:
        if not self.draws_first:
            return self.make_views(x, training=True)
        drawn = self._watched(x, training=True)
        return {**drawn, **self.draw_transformations(drawn)}

    @property
    def draws_first(self) -> bool:
        """Whether random numbers can be drawn before inputs are changed."""
        return all(map(draws_first, self._augmenters().values()))

    def draw_transformations(self, inputs: Any) -> dict[str, Any]:
        """The random numbers of `augment`, which `finish_views` applies."""
        return {
            "transformations": {
                name: augmenter.draw_transformation(inputs[name])
                for name, augmenter in self._augmenters().items()
            }
        }

    def finish_views(self, drawn: Any) -> Any:
        views = dict(drawn)
        augmenters = self._augmenters()
        transformations = views.pop("transformations", {})
        for name, transformation in transformations.items():
            views[name] = augmenters[name].transform(
                views[name], transformation
            )
        return views

    def _augmenters(self) -> dict[str, keras.Layer]:
        found = {name: self.augmenter_of(name) for name in self.input_names}
        return {n: layer for n, layer in found.items() if layer is not None}

    def _watched(self, x, training):
        inputs = {name: x[name] for name in x if name != self.ids_name}
        return {**x, **self.watch_batch(inputs, training)}

    def pair_loss(
        self,
        first: Any,
        second: Any,
        ids: Any,
        sample_weight: Any,
        **offers: Any,
    ) -> Any:
        """The compiled loss of two sets of embeddings, a scalar.

        Of the scale, the bias, the ids and `offers`, the loss receives those
        that its `call` has as arguments.
        """
        offers |= {
            "logit_scale": self.logit_scale.scale,
            "logit_bias": self.logit_scale.bias,
            "image_ids": ids,
        }
        taken = parameters(self.loss).intersection(offers)
        return self.loss(
            first,
            second,
            sample_weight=sample_weight,
            **{name: offers[name] for name in taken},
        )

    # The data.

    def named_parts(self, x: Any, y: Any = None) -> dict[str, Any]:
        return named_inputs(x, y, self.input_names, self.optional_names)

    def unpack_data(self, data: Any) -> Any:
        x, y, sample_weight = super().unpack_data(data)
        inputs = self.named_parts(x, y)
        names = self.input_names
        if not set(names) <= set(inputs):
            pair = f" or ({', '.join(names)})"
            raise ValueError(
                f"The data must be {form_of(names)}{pair * (len(names) == 2)}. "
                f"Received: {sorted(inputs)} only"
            )
        self._check_ids(inputs)
        return inputs, None, sample_weight

    def check_host_batch(self, data: Any) -> None:
        x, y, _ = super().unpack_data(data)
        self._check_ids(self.named_parts(x, y))

    def _check_ids(self, inputs):
        ids = inputs.get(self.ids_name)
        if ids is not None:
            check_ids(self.ids_name, ids)

    def check_values(self, x: Any, y: Any, sample_weight: Any) -> None:
        super().check_values(x, y, sample_weight)
        if isinstance(x, (dict, tuple, list)) or hasattr(x, "shape"):
            inputs = self.named_parts(x, y)
            for name in self.input_names:
                encoder = self.tower_of(name).encoder
                check_token_ids(inputs.get(name), encoder)

    def inspect(self, data: Any) -> None:
        x, y, _ = super().unpack_data(data)
        inputs = self.named_parts(x, y)
        inputs = {n: inputs[n] for n in self.input_names if n in inputs}
        self.watch_batch(inputs, training=False)

    def predict_step(self, *args: Any) -> Any:
        *state, data = args
        x, y, _ = super().unpack_data(data)
        return super().predict_step(*state, (self.named_parts(x, y),))

    # Building.

    def build(self, input_shape: Any) -> None:
        shapes = {} if input_shape is None else self.named_parts(input_shape)
        for name in self.input_names:
            tower, shape = self.tower_of(name), shapes.get(name)
            if tower.built:
                continue
            if shape is None and tower.encoder_output_shape is None:
                raise ValueError(
                    f"The model can only be built on a batch with {name!r}, "
                    "whose encoder does not know its output shape. Received: "
                    f"{sorted(shapes)}; call the encoder on a batch first, or "
                    f"use data of the form {form_of(self.input_names)}."
                )
            if shape is not None:
                shape = self._augmented_shape(name, shape)
            tower.build(shape)
        self.built = True
        self.exclude_from_weight_decay()

    def _augmented_shape(self, name, shape):
        """The shape of the augmenter's outputs. Builds the augmenter."""
        augmenter, tower = self.augmenter_of(name), self.tower_of(name)
        if augmenter is None:
            return shape
        inputs = keras.tree.map_shape_structure(
            lambda s: keras.KerasTensor(s, tower.example_dtype), shape
        )
        outputs = augmenter(inputs, training=False)
        return keras.tree.map_structure(lambda x: x.shape, outputs)

    def build_from_encoders(self) -> None:
        towers = map(self.tower_of, self.input_names)
        if all(tower.encoder_output_shape for tower in towers):
            self.build(None)
