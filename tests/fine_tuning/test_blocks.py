"""Blocks of encoders: frozen, or with learning rates of their own."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.fine_tuning import blocks
from keras_contrastive.fine_tuning import freeze_blocks
from keras_contrastive.fine_tuning import layer_decay
from keras_contrastive.fine_tuning import unfreeze
from keras_contrastive.fine_tuning.own_weights import path_of
from keras_contrastive.optimizers import MultiRateAdamW


def vision_transformer(num_layers=2):
    return kc.models.VisionTransformer(
        8, width=8, num_layers=num_layers, num_heads=2, input_shape=(16, 16, 3)
    )


def first_names(encoder):
    return [path_of(group[0]) for group in blocks(encoder)]


def test_blocks_of_our_encoders():
    assert first_names(vision_transformer()) == [
        "patch_embedding",
        "block1/attention_norm",
        "block2/attention_norm",
        "final_norm",
    ]
    stages = [
        f"stage{stage}_block{block}_1_conv"
        for stage in (1, 2, 3, 4)
        for block in (1, 2)
    ]
    resnet = kc.models.ResNet18(stem="cifar", width=8)
    assert first_names(resnet) == ["stem_conv", *stages]
    counted = sum(len(group) for group in blocks(resnet))
    assert counted == len([each for each in resnet.layers if each.weights])
    # Without numbered blocks, each convolution starts one.
    convolutions = [
        path_of(each)
        for each in kc.models.ConvNet(width=4, num_stages=2).layers
        if len(each.weights) and len(each.weights[0].shape) > 1
    ]
    assert first_names(kc.models.ConvNet(width=4, num_stages=2)) == convolutions
    assert len(convolutions) == 5


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("ResNet50", 17, ["conv1_conv", "conv2_block1_1_conv"]),
        ("EfficientNetV2B0", 23, ["stem_conv", "block1a_project_conv"]),
        ("VGG16", 6, ["block1_conv1", "block2_conv1"]),
    ],
)
def test_blocks_of_keras_applications(name, count, first):
    make = getattr(keras.applications, name)
    top = {"include_top": name == "VGG16"}
    shape = (32, 32, 3)
    encoder = make(weights=None, input_shape=shape, classes=2, **top)
    groups = blocks(encoder)
    assert len(groups) == count
    assert [group[0].name for group in groups[:2]] == first


def test_freezes_weights_and_batch_statistics(rng):
    encoder = kc.models.ResNet18(stem="cifar", width=8, input_shape=(8, 8, 3))
    count = len(encoder.trainable_variables)
    freeze_blocks(encoder, 3)
    frozen = [
        w for g in blocks(encoder)[:3] for each in g for w in each.weights
    ]
    before = [weight.numpy() for weight in frozen]
    model = kc.SimCLRModel(encoder, augmenter=kc.layers.RandomFlip())
    model.compile(keras.optimizers.SGD(0.1))
    images = rng.random((4, 8, 8, 3)).astype("float32")
    later = encoder.get_layer("stage4_block2_2_conv").weights[0].numpy()
    model.fit(images, batch_size=4, verbose=0)
    for weight, value in zip(frozen, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    changed = encoder.get_layer("stage4_block2_2_conv").weights[0].numpy()
    assert (changed != later).any()
    unfreeze(encoder)
    assert all(layer.trainable for layer in encoder.layers)
    assert len(encoder.trainable_variables) == count


@pytest.mark.parametrize("method", ["byol", "distillation"])
def test_teachers_stay_frozen(method):
    encoder = kc.models.ConvNet(4, 1, (8, 8, 3))
    head = kc.layers.ProjectionHead(8, 4)
    if method == "byol":
        model = kc.BYOLModel(encoder, head, predictor=head)
    else:
        teacher = kc.models.ConvNet(2, 1, (8, 8, 3))
        model = kc.DistillationModel(encoder, head, teacher=teacher)
    model.compile()
    expected = len(model.trainable_variables)
    for layer in encoder.layers:
        layer.trainable = False
    assert len(model.trainable_variables) < expected
    unfreeze(model)
    assert len(model.trainable_variables) == expected
    assert not model.teacher.trainable_variables


def test_rates_fall_toward_the_input(rng, tmp_path):
    """The first step of Adam moves each weight by its rate."""
    encoder = vision_transformer()
    model = keras.Sequential([encoder, keras.layers.Dense(2)])
    model.build((None, 16, 16, 3))
    optimizer = MultiRateAdamW(
        1e-2, multipliers={"dense": 3.0}, weight_decay=0.0, epsilon=1e-6
    )
    factors = layer_decay(optimizer, encoder, 0.5)
    assert factors == [0.125, 0.25, 0.5, 1.0]
    model.compile(optimizer, "mse")
    before = [weight.numpy() for weight in model.weights]
    images = rng.random((4, 16, 16, 3)).astype("float32")
    model.fit(images, np.ones((4, 2)), verbose=0)
    steps = {
        weight.path: np.abs(weight.numpy() - value).max()
        for weight, value in zip(model.weights, before, strict=True)
    }
    expected = {
        "patch_embedding/kernel": 0.125,
        "block1/qkv/kernel": 0.25,
        "block2/mlp_output/bias": 0.5,
        "final_norm/beta": 1.0,
    }
    for path, factor in expected.items():
        (found,) = [steps[each] for each in steps if each.endswith(path)]
        np.testing.assert_allclose(found, 0.01 * factor, rtol=1e-2)
    (of_head,) = [
        steps[each] for each in steps if each.endswith("dense/kernel")
    ]
    np.testing.assert_allclose(of_head, 0.03, rtol=1e-2)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.factors == optimizer.factors
    loaded.fit(images, np.ones((4, 2)), verbose=0)
    model.fit(images, np.ones((4, 2)), verbose=0)
    for one, other in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)


def test_errors():
    encoder = vision_transformer()
    with pytest.raises(ValueError, match="less than 4.*Received: num_blocks=4"):
        freeze_blocks(encoder, 4)
    with pytest.raises(ValueError, match="`num_blocks` must be an integer"):
        freeze_blocks(encoder, -1)
    with pytest.raises(ValueError, match="MultiRateAdamW"):
        layer_decay(keras.optimizers.AdamW(), encoder)
    with pytest.raises(ValueError, match=r"in \(0, 1\]"):
        layer_decay(MultiRateAdamW(), encoder, 1.5)
    with pytest.raises(ValueError, match="must have weights"):
        blocks(keras.layers.Dense(2))
    optimizer = MultiRateAdamW()
    optimizer.build(encoder.trainable_variables)
    with pytest.raises(ValueError, match="before `compile`"):
        layer_decay(optimizer, encoder)
    optimizer = MultiRateAdamW()
    layer_decay(optimizer, vision_transformer())
    with pytest.raises(ValueError, match="must be called with variables that"):
        optimizer.build(encoder.trainable_variables)
    optimizer = MultiRateAdamW(factors=[1.0])
    with pytest.raises(ValueError, match="`factors` must hold one for each of"):
        optimizer.build(encoder.trainable_variables)
