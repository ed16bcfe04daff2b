import keras
import numpy as np
from keras import layers

from keras_contrastive.data_validation import known_shape
from keras_contrastive.encoders.backbone_outputs import data_format_of
from keras_contrastive.encoders.channel_weights import spread_kernel
from keras_contrastive.encoders.channel_weights import spread_of_colors
from keras_contrastive.encoders.channel_weights import spread_statistics
from keras_contrastive.encoders.pooled_encoder import PooledEncoder
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import refresh_normalization
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_rgb_channels

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)


def with_channels(
    backbone: keras.Model,
    channels: int,
    rgb_channels: tuple[int, int, int] | None = None,
) -> keras.Model:
    """Copies a backbone of RGB images for images with other channels.

    The first convolution, or patch embedding, reads `channels` channels; all
    other weights are copied. By default its kernels for red, green and blue
    repeat over the channels, R, G, B, R, G, ..., each divided by the number of
    channels that receive it:

    `kernel'[c] = kernel[c mod 3] / |{d < channels: d mod 3 = c mod 3}|`

    A single channel gets the sum of the three kernels, and each of two channels
    half of the sum. With `rgb_channels`, the kernels of red, green and blue go
    to these channels, and their mean to all others, all scaled by
    `3 / channels`.

    In both cases the kernels of all channels add up to the sum of those of red,
    green and blue. An image with equal channels thus has the features of the
    same gray image in RGB, and activations keep their scale. For multiples of
    three channels it is timm's rule, which scales by `3 / channels` in all
    cases.

    `Normalization` and `Rescaling` layers with a number per channel, batch
    normalization of the images, and `mean` and `std` of a `VisionTransformer`
    are spread the same way, without the scale. A channel with the mean kernel
    gets the mean of the three numbers, and the features of gray images are then
    approximate. These are statistics of photographs. If those of your sensor
    differ, first normalize the images to the mean and deviation that the
    backbone expects, for instance with `pooled(..., preprocessing=...)`.

    Args:
        backbone: Keras model with one input, RGB images: functional,
            Sequential, an encoder of this package, a backbone of keras-hub or
            `keras.applications`, or the result of `pooled`. It is not changed.
        channels: Int, the number of channels.
        rgb_channels: Three distinct indices, the places of red, green and blue
            among the channels, such as `(3, 2, 1)` for the bands of
            Sentinel-2.

    Returns:
        A model like `backbone`, of the same class unless it is a functional
        model of a class of your own.

    Raises:
        ValueError: If the backbone does not take RGB images with the channels
            last, if no convolution reads them, if something else depends on
            the number of channels, or if `rgb_channels` are not among the
            channels.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    rgb = kc.models.ResNet18(stem="cifar", width=8)  # pretrained, say
    bands = kc.models.with_channels(rgb, 13, rgb_channels=(3, 2, 1))
    print(bands(np.ones((2, 32, 32, 13))).shape)
    ```

    Reference:
        Wightman, timm, `adapt_input_conv` of `timm/models/_manipulate.py`.
    """
    channels = check_positive_int("channels", channels)
    rgb = check_rgb_channels(rgb_channels, channels)
    _check_backbone(backbone)
    if rgb is not None and channels == 3:
        raise ValueError(
            "`rgb_channels` must be left out for three channels: reorder those "
            "of the images, for BGR by images[..., ::-1]. Received: "
            f"rgb_channels={rgb}"
        )
    spread = spread_of_colors(channels, rgb)
    try:
        copy = _Copier(spread).copy_model(backbone)
    except Exception as error:
        raise ValueError(
            f"`backbone` cannot be built for {channels} channels. Received: "
            f"backbone={backbone!r}, which says: {error}"
        ) from error
    num_changed = _copy_weights(backbone, copy, spread)
    if channels != 3 and not num_changed:
        raise ValueError(
            "`backbone` must have a convolution that reads the images' "
            f"channels. Received: backbone={backbone!r} without one"
        )
    return copy


def _check_backbone(backbone):
    if not isinstance(backbone, keras.Model):
        raise ValueError(
            f"`backbone` must be a Keras model. Received: backbone={backbone!r}"
        )
    inputs = keras.tree.flatten(getattr(backbone, "inputs", None) or [])
    shapes = [tuple(x.shape) for x in inputs]
    if len(shapes) != 1 or len(shapes[0]) not in (4, 5) or shapes[0][-1] != 3:
        raise ValueError(
            "`backbone` must know its inputs and take RGB images only, of "
            "shape (batch, height, width, 3). Received: "
            f"backbone={backbone!r} with inputs of shape {shapes}"
        )
    if data_format_of(backbone) != "channels_last":
        raise ValueError(
            "`backbone` must take the channels last. Received: "
            f"backbone={backbone!r}, whose layers take them first"
        )


class _Copier:
    """Copies models and layers, with new weights, for other channels."""

    def __init__(self, spread):
        self.spread = spread
        self.copies = {}

    def copy_model(self, model):
        if isinstance(model, PooledEncoder):
            config = model.get_config()
            preprocessing = model.preprocessing
            if preprocessing is not None:
                preprocessing = self.copy_layer(preprocessing)
            copy = PooledEncoder(
                self.copy_model(model.backbone),
                preprocessing=preprocessing,
                **{
                    name: value
                    for name, value in config.items()
                    if name not in ("backbone", "preprocessing", "trainable")
                },
            )
        elif isinstance(model, keras.Sequential):
            copy = self._copy_sequential(model)
        else:
            config = model.get_config()
            names = {"input_shape", "image_shape"} & set(config)
            if not names:
                copy = self._copy_functional(model)
            else:
                copy = type(model).from_config(self._adapted(config, names))
        if not model.trainable:
            copy.trainable = False
        return copy

    def _adapted(self, config, names):
        config = dict(config)
        for name in names:
            config[name] = self._shape(config[name])
        for name in ("mean", "std"):
            if config.get(name) is not None:
                config[name] = self._statistics(config[name])
        return config

    def _copy_sequential(self, model):
        (x,) = model.inputs
        x = keras.Input(self._shape(x.shape[1:]), dtype=x.dtype, name=x.name)
        copies = [x]
        for layer in model.layers:
            copies.append(self._copy_for(layer, x))
            x = copies[-1](x)
        return keras.Sequential(copies, name=model.name)

    def _copy_functional(self, model):
        def call(layer, *args, **kwargs):
            if not isinstance(layer, keras.Layer):
                return layer(*args, **kwargs)
            if id(layer) not in self.copies:
                (x, *_) = keras.tree.flatten((args, kwargs))
                self.copies[id(layer)] = self._copy_for(layer, x)
            return self.copies[id(layer)](*args, **kwargs)

        inputs = keras.tree.map_structure(
            lambda x: keras.Input(
                self._shape(x.shape[1:]), dtype=x.dtype, name=x.name
            ),
            model.input,
        )
        return keras.models.clone_model(
            model,
            input_tensors=inputs,
            clone_function=lambda layer: layer,
            call_function=call,
        )

    def _copy_for(self, layer, x):
        """A copy of a layer that is called with `x`."""
        shape = known_shape(layer, "input_shape")
        if (
            isinstance(layer, keras.Model)
            and shape
            and (shape[-1] != x.shape[-1])
        ):
            return self.copy_model(layer)
        if x.shape[-1] == len(self.spread):
            return self.copy_layer(layer)
        return type(layer).from_config(layer.get_config())

    def copy_layer(self, layer):
        """A copy of a layer that is called with images."""
        config = layer.get_config()
        per_color = ()
        if isinstance(layer, layers.Normalization):
            per_color = ("mean", "variance")
        elif isinstance(layer, layers.Rescaling):
            per_color = ("scale", "offset")
        for name in per_color:
            if np.size(config[name]) == 3:
                config[name] = self._statistics(config[name])
        return type(layer).from_config(config)

    def _shape(self, shape):
        return (*shape[:-1], len(self.spread))

    def _statistics(self, values):
        values = np.reshape(values, -1).astype("float64")
        return tuple(spread_statistics(values, self.spread).tolist())


def _copy_weights(source, target, spread):
    """Copies all weights; returns the number of kernels that changed shape."""
    count = 0
    for old_layer, new_layer in zip(
        all_layers(source), all_layers(target), strict=True
    ):
        own = _own_weights(old_layer)
        for old, new in zip(own, _own_weights(new_layer), strict=True):
            if old.shape == new.shape:
                new.assign(old)
                continue
            value = keras.ops.convert_to_numpy(keras.ops.cast(old, "float32"))
            is_kernel = isinstance(old_layer, CONVOLUTIONS)
            if is_kernel and old.shape[-2] == 3:
                new.assign(spread_kernel(value, spread))
                count += 1
            elif old.shape[-1] == 3 and old.shape[:-1] == new.shape[:-1]:
                new.assign(spread_statistics(value, spread))
            else:
                raise ValueError(
                    "`backbone` must read the channels of the images by "
                    "convolutions. Received: a backbone whose weight "
                    f"{old.path!r} depends on their number, as part of "
                    f"{old_layer!r}"
                )
    refresh_normalization(target)
    return count


def _own_weights(layer):
    inner = {id(w) for part in all_layers(layer)[1:] for w in part.weights}
    return [w for w in layer.weights if id(w) not in inner]
