"""Keras' own conformity tests, for every public class of the package.

The classes are those of the `__all__`s: a new one without arguments in these
tables fails `test_every_public_class_is_here`.
"""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

import keras_contrastive as kc
from tests.encoders.test_functional_encoder import ENCODERS
from tests.models.helpers import to_numpy

try:
    from keras.src.testing import TestCase
except ImportError:
    pytest.skip("This Keras has no TestCase", allow_module_level=True)

POLICIES = ("float32", "float64", "bfloat16", "float16", "mixed_float16")
IMAGES, SIGNALS, VECTORS = (2, 8, 8, 3), (2, 8, 3), (4, 6)
VOLUMES = (2, 6, 5, 4, 2)

# Arguments, none at its default, and the shape of the input.
LAYERS = {
    "BatchNormalization": ({"momentum": 0.5, "epsilon": 1e-3}, IMAGES),
    "Center": ({"dim": 6, "momentum": 0.5}, VECTORS),
    "Dropout": ({"rate": 0.5, "seed": 1}, SIGNALS),
    "ImagePipeline": (
        {"layers": [kc.layers.RandomFlip(), kc.layers.RandomGrayscale(0.5)]},
        IMAGES,
    ),
    "LogitScale": (
        {
            "initial_temperature": 0.1,
            "max_scale": 50.0,
            "initial_bias": -1.0,
            "adapts_to_loss": True,
        },
        VECTORS,
    ),
    "MultiView": (
        {"augmenter": kc.layers.RandomFlip(), "num_views": 3},
        IMAGES,
    ),
    "PatchDropout": ({"rate": 0.5, "num_prefix_tokens": 1, "seed": 1}, SIGNALS),
    "PatchFeatures": (
        {
            "output_dim": 3,
            "num_patches": 4,
            "patch_size": 3,
            "strides": 2,
            "grid_size": 2,
        },
        IMAGES,
    ),
    "ProjectionHead": (
        {
            "hidden_dim": 5,
            "output_dim": 3,
            "num_layers": 3,
            "use_batch_norm": True,
            "output_batch_norm": False,
        },
        VECTORS,
    ),
    "Prototypes": ({"num_prototypes": 5}, VECTORS),
    "RandomApply": (
        {
            "layer": keras.layers.Rescaling(-1.0, 1.0),
            "probability": 0.5,
            "value_range": (0, 255),
            "seed": 1,
        },
        IMAGES,
    ),
    "RandomChannelDropout": (
        {
            "rate": 0.3,
            "fill_value": 0.5,
            "probability": 0.6,
            "value_range": (0, 255),
            "seed": 1,
        },
        IMAGES,
    ),
    "RandomColorJitter": (
        {
            "brightness": (0.5, 1.5),
            "contrast": (0.9, 1.1),
            "saturation": (0.8, 1.2),
            "hue": (-0.1, 0.1),
            "probability": 0.5,
            "value_range": (0, 255),
            "seed": 1,
        },
        IMAGES,
    ),
    "RandomFlip": (
        {"probability": 0.3, "value_range": (0, 255), "seed": 1},
        IMAGES,
    ),
    "RandomGaussianBlur": (
        {
            "kernel_size": (3, 5),
            "sigma": (0.5, 1.0),
            "probability": 0.5,
            "value_range": (0, 255),
            "seed": 1,
        },
        IMAGES,
    ),
    "RandomGaussianNoise": (
        {
            "stddev": (0.1, 0.2),
            "probability": 0.5,
            "value_range": (0, 255),
            "seed": 1,
        },
        IMAGES,
    ),
    "RandomGrayscale": (
        {"probability": 0.5, "value_range": (0, 255), "seed": 1},
        IMAGES,
    ),
    "RandomResizedCrop": (
        {
            "height": 4,
            "width": 6,
            "scale": (0.5, 0.9),
            "ratio": (0.9, 1.1),
            "interpolation": "bicubic",
            "center_crop": True,
            "value_range": (0, 255),
            "seed": 1,
        },
        IMAGES,
    ),
    "RandomSignalCrop": (
        {"length": 5, "scale": (0.2, 0.9), "seed": 1},
        SIGNALS,
    ),
    "RandomSignalJitter": ({"stddev": 0.1, "seed": 1}, SIGNALS),
    "RandomSignalMask": (
        {"scale": (0.1, 0.5), "fill_value": 1.0, "seed": 1},
        SIGNALS,
    ),
    "RandomSignalScale": ({"stddev": 0.1, "seed": 1}, SIGNALS),
    "RandomSpectrogramMask": (
        {
            "time_scale": (0.1, 0.5),
            "frequency_scale": (0.0, 0.7),
            "num_time_masks": 1,
            "num_frequency_masks": 3,
            "fill_value": 1.0,
            "seed": 1,
        },
        SIGNALS,
    ),
    "RandomVolumeCrop": (
        {"depth": 5, "height": 4, "width": 3, "scale": (0.2, 0.9), "seed": 1},
        VOLUMES,
    ),
    "RandomVolumeFlip": (
        {"probability": 0.25, "axes": ("depth", "width"), "seed": 1},
        VOLUMES,
    ),
    "RandomVolumeIntensity": (
        {"contrast": (0.5, 2.0), "brightness": (-1.0, 0.5), "seed": 1},
        VOLUMES,
    ),
    "RandomVolumeNoise": ({"stddev": (0.1, 0.3), "seed": 1}, VOLUMES),
    "RandomSolarize": (
        {
            "threshold": 0.3,
            "probability": 0.5,
            "value_range": (0, 255),
            "seed": 1,
        },
        IMAGES,
    ),
}
# Tested by their own files: with the layers that they hold, and by their state.
STATEFUL = {"FeatureQueue", "MomentumEncoder", "MultiCrop"}
_LOSS = {"block_size": 2, "gather": False, "name": "loss", "reduction": "sum"}
_OF_BATCH = {k: v for k, v in _LOSS.items() if k != "block_size"}
LOSSES = {
    "BarlowTwinsLoss": {"offdiagonal_weight": 0.1, **_OF_BATCH},
    "CLIPDistillationLoss": {
        "temperature": 0.3,
        "teacher_temperature": 0.2,
        **_LOSS,
    },
    "CLIPLoss": {"temperature": 0.3, **_LOSS},
    "ContrastiveLoss": {"temperature": 0.3, **_LOSS},
    "DINOLoss": {
        "student_temperature": 0.3,
        "teacher_temperature": (0.1, 0.2),
        "warmup_steps": 5,
        "name": "loss",
        "reduction": "sum",
    },
    "DecoupledNTXentLoss": {
        "temperature": 0.3,
        "weight_sigma": 0.4,
        **_LOSS,
    },
    "EmbeddingLoss": {"name": "loss", "reduction": "sum"},
    "LeJEPALoss": {
        "regularization_weight": 0.1,
        "num_slices": 8,
        "num_points": 5,
        "max_frequency": 2.0,
        "num_global_views": 1,
        **_OF_BATCH,
    },
    "NTXentLoss": {"temperature": 0.3, **_LOSS},
    "NegativeCosineSimilarity": {"name": "loss", "reduction": "sum"},
    "QueueInfoNCELoss": {"temperature": 0.3, **_LOSS},
    "SigLIPLoss": {"temperature": 0.3, "bias": -2.0, **_LOSS},
    "SoftTargetCLIPLoss": {
        "temperature": 0.3,
        "target_temperature": 0.2,
        "soft_target_weight": 0.4,
        **_LOSS,
    },
    "SupConLoss": {"temperature": 0.3, "form": "in", **_LOSS},
    "SwAVLoss": {
        "temperature": 0.3,
        "epsilon": 0.1,
        "iterations": 2,
        "gather": False,
        "name": "loss",
        "reduction": "sum",
    },
    "VICRegLoss": {
        "invariance": 2.0,
        "variance": 3.0,
        "covariance": 4.0,
        **_OF_BATCH,
    },
}
# Without a formula.
BASES = ("ContrastiveLoss", "EmbeddingLoss")
METRICS = {
    "Alignment": {"name": "metric"},
    "ContrastiveAccuracy": {"name": "metric"},
    "EffectiveRank": {"dim": 6, "name": "metric"},
    "RetrievalRecall": {
        "k": 2,
        "direction": "b_to_a",
        "name": "metric",
        "modalities": ("a", "b"),
    },
    "Uniformity": {"name": "metric"},
}
OPTIMIZERS = {
    "LARS": {
        "learning_rate": 0.5,
        "momentum": 0.5,
        "weight_decay": 0.1,
        "trust_coefficient": 0.01,
        "exclude": ["bias"],
        "clipnorm": 1.0,
    },
    "MultiRateAdamW": {
        "learning_rate": 0.5,
        "multipliers": {"kernel": 2.0},
        "weight_decay": 0.1,
    },
}
# Tested by their own files: with data, and with encoders of either kind.
MODELS = {
    "BYOLModel",
    "CLIPDistillationModel",
    "CLIPModel",
    "ContrastiveModel",
    "DINOModel",
    "DualEncoderModel",
    "DistillationModel",
    "JointEmbeddingModel",
    "MoCoModel",
    "NNCLRModel",
    "SLIPModel",
    "SimCLRModel",
    "SimSiamModel",
    "SwAVModel",
}


def test_every_public_class_is_here():
    tables = {
        "layers": {*LAYERS, *STATEFUL},
        "losses": LOSSES,
        "metrics": METRICS,
        "optimizers": OPTIMIZERS,
        "models": {*ENCODERS, *MODELS},
    }
    for name, table in tables.items():
        package = getattr(kc, name)
        classes = {
            public
            for public in package.__all__
            if inspect.isclass(getattr(package, public))
        }
        assert classes == set(table), name


def examples(shape, dtype="float32"):
    return np.random.default_rng(0).random(shape).astype(dtype)


def assert_keeps(instance, arguments):
    """After serialization, a copy holds the arguments."""
    copy = TestCase().run_class_serialization_test(instance)
    config = copy.get_config()
    for name, value in arguments.items():
        if isinstance(value, (int, float, str, tuple, dict)):
            kept = config[name]
            kept = tuple(kept) if isinstance(value, tuple) else kept
            assert kept == value, name
    return copy


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    arguments, shape = LAYERS[name]
    layer_class = getattr(kc.layers, name)
    assert_keeps(layer_class(**arguments), arguments)
    has_weights = name in (
        "BatchNormalization",
        "LogitScale",
        "ProjectionHead",
        "Prototypes",
    )
    TestCase().run_layer_test(
        layer_class,
        arguments,
        input_shape=shape,
        run_training_check=has_weights or name == "PatchDropout",
    )


def call(layer, x, training):
    if layer._call_has_training_arg:
        return layer(x, training=training)
    return layer(x)


@pytest.mark.one_backend
@pytest.mark.parametrize("name", LAYERS)
def test_layer_under_dtype_policies(name):
    arguments, shape = LAYERS[name]
    if name == "MultiView":
        arguments = {"num_views": 2}
    for policy in POLICIES:
        if name == "MultiView":
            arguments["augmenter"] = kc.layers.RandomFlip(dtype=policy)
        layer = getattr(kc.layers, name)(
            **arguments, dtype=keras.DTypePolicy(policy)
        )
        layer.trainable = False
        copy = type(layer).from_config(layer.get_config())
        assert copy.dtype_policy.name == policy
        # A Pipeline has no such argument, and its layers no weights.
        assert copy.trainable is (name == "ImagePipeline")
        for training in (False, True):
            for dtype in ("float32", "float64"):
                outputs = call(layer, examples(shape, dtype), training)
                specs = call(
                    type(layer).from_config(layer.get_config()),
                    keras.KerasTensor(shape, layer.compute_dtype),
                    training,
                )
                for x, spec in zip(
                    keras.tree.flatten(outputs),
                    keras.tree.flatten(specs),
                    strict=True,
                ):
                    assert spec.dtype == layer.compute_dtype
                    assert_of(spec.dtype, x)
                    assert tuple(x.shape) == tuple(spec.shape)
                    assert np.isfinite(to_numpy(x).astype("float32")).all()
        is_float32 = name in ("Center", "LogitScale", "PatchFeatures")
        expected = "float32" if is_float32 else layer.variable_dtype
        assert {w.dtype for w in layer.weights} <= {expected}


@pytest.mark.parametrize(
    "name", [n for n in LAYERS if LAYERS[n][1] == SIGNALS] + ["LogitScale"]
)
def test_a_mask_is_the_same_in_training_and_inference(name):
    arguments, _ = LAYERS[name]
    x = examples(SIGNALS)
    x[:, -2:] = 0
    # An Embedding's, say; Masking makes one too.
    masked = keras.layers.Masking()(x)
    layer = getattr(kc.layers, name)(**arguments)
    for training in (False, True):
        outputs = call(layer, masked, training)
        mask = getattr(outputs, "_keras_mask", None)
        assert (mask is not None) == layer.supports_masking
        if mask is None:
            continue
        assert tuple(mask.shape) == tuple(outputs.shape[:2])
        # What is masked is the tokens that were.
        if name in ("PatchDropout", "LogitScale"):
            is_zero = to_numpy(outputs).max(axis=2) <= 0
            np.testing.assert_array_equal(to_numpy(mask), ~is_zero)


def test_a_mask_goes_through_dropout_into_the_pooling():
    """At a rate of nearly nothing, training gives inference's numbers."""
    tokens = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    model = keras.Sequential(
        [
            keras.layers.Embedding(5, 4, mask_zero=True),
            kc.layers.Dropout(1e-6, seed=0),
            keras.layers.GlobalAveragePooling1D(),
        ]
    )
    np.testing.assert_allclose(
        to_numpy(model(tokens, training=True)),
        to_numpy(model(tokens)),
        rtol=1e-4,
    )


def call_loss(loss, dtype="float32"):
    z = ops.convert_to_tensor(examples(VECTORS), dtype)
    if isinstance(loss, kc.losses.SupConLoss):
        return loss(np.array([0, 1, 0, 1]), z)
    if isinstance(loss, (kc.losses.DINOLoss, kc.losses.SwAVLoss)):
        views = ops.reshape(z, (4, 2, 3))
        step = {"step": 2} if isinstance(loss, kc.losses.DINOLoss) else {}
        return loss(views, views, **step)
    if isinstance(loss, kc.losses.CLIPDistillationLoss):
        return loss(z, ops.flip(z, axis=0), z, z)
    return loss(z, ops.flip(z, axis=0))


@pytest.mark.one_backend
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    loss = getattr(kc.losses, name)(**LOSSES[name])
    copy = assert_keeps(loss, LOSSES[name])
    if name in BASES:
        return
    expected = float(call_loss(loss))
    np.testing.assert_allclose(float(call_loss(copy)), expected)
    for dtype in ("float64", "bfloat16", "float16"):
        value = call_loss(loss, dtype)
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        np.testing.assert_allclose(float(value), expected, rtol=1e-2)


@pytest.fixture(params=["float16", "bfloat16", "float64"])
def floatx(request):
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx("float32")


def update(metric, dtype="float32"):
    z = examples(VECTORS)
    both = (ops.convert_to_tensor(x, dtype) for x in (z, z + 0.1 * z[::-1]))
    metric.update_state(*both)
    return metric.result()


@pytest.mark.parametrize("name", METRICS)
def test_metric(name):
    metric_class = getattr(kc.metrics, name)
    metric = metric_class(**METRICS[name])
    expected = float(update(metric))
    copy = assert_keeps(metric, METRICS[name])
    np.testing.assert_allclose(float(update(copy)), expected, rtol=1e-6)
    for dtype in ("float16", "bfloat16", "float64"):
        metric = metric_class(**METRICS[name], dtype=dtype)
        value = update(metric, dtype)
        assert_of(dtype, value)
        np.testing.assert_allclose(float(value), expected, rtol=0.05, atol=0.01)
        assert metric.get_config()["dtype"] == dtype


def assert_of(dtype, value):
    """JAX has no float64 by default, nor Keras' metrics on PyTorch."""
    found = keras.backend.standardize_dtype(value.dtype)
    assert found == dtype or (dtype == "float64" and found == "float32")


@pytest.mark.parametrize("name", METRICS)
def test_metric_under_another_floatx(name, floatx):
    metric = getattr(kc.metrics, name)(**METRICS[name])
    value = update(metric)
    assert_of(floatx, value)
    metric = getattr(kc.metrics, name)(**METRICS[name], dtype="float32")
    expected = float(update(metric))
    np.testing.assert_allclose(float(value), expected, rtol=0.05, atol=0.01)


@pytest.mark.one_case
@pytest.mark.parametrize("name", [n for n in LOSSES if n not in BASES])
def test_loss_under_another_floatx(name, floatx):
    value = call_loss(getattr(kc.losses, name)(**LOSSES[name]))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert np.isfinite(float(value))


@pytest.mark.one_backend
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name):
    optimizer = getattr(kc.optimizers, name)(**OPTIMIZERS[name])
    copy = assert_keeps(optimizer, OPTIMIZERS[name])
    for policy in POLICIES:
        layer = keras.layers.Dense(2, dtype=policy)
        layer.build((None, 3))
        optimizer = type(copy).from_config(copy.get_config())
        before = to_numpy(layer.kernel).astype("float32")
        gradients = [ops.ones(v.shape, v.dtype) for v in layer.variables]
        optimizer.apply(gradients, layer.trainable_variables)
        change = before - to_numpy(layer.kernel).astype("float32")
        assert np.isfinite(change).all() and (change > 0).any()


def encoder_inputs(encoder):
    if encoder.inputs[0].dtype == "int32":
        return np.array([[1, 3, 2, 0], [1, 2, 0, 0]])
    return examples((2, *(size or 32 for size in encoder.input_shape[1:])))


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ENCODERS)
def test_encoder(name, tmp_path):
    arguments = ENCODERS[name]
    encoder = getattr(kc.models, name)(**arguments)
    assert_keeps(encoder, arguments)
    for policy in POLICIES:
        encoder = getattr(kc.models, name)(
            **arguments, dtype=keras.DTypePolicy(policy)
        )
        assert encoder.compute_dtype == keras.DTypePolicy(policy).compute_dtype
        assert encoder.get_config()["dtype"]["config"]["name"] == policy
    # The last one, as a file that is loaded under another global policy.
    x = encoder_inputs(encoder)
    outputs = encoder(x)
    assert tuple(outputs.shape) == encoder.compute_output_shape(x.shape)
    encoder.save(tmp_path / "encoder.keras")
    copy = keras.models.load_model(tmp_path / "encoder.keras")
    assert {layer.dtype_policy.name for layer in copy.layers[1:]} == {policy}
    np.testing.assert_array_equal(to_numpy(copy(x)), to_numpy(outputs))
