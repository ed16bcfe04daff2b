"""Every method of images learns what labels name, without a label."""

import keras
import pytest

import keras_contrastive as kc


def head(**kwargs):
    return kc.layers.ProjectionHead(64, 32, **kwargs)


def two_views():
    return kc.layers.simclr_augmentation("cifar10", 32, 32, seed=0)


def simclr(loss):
    return lambda encoder: (kc.SimCLRModel(encoder, head(), two_views()), loss)


def relative(model_class, **arguments):
    def make(encoder):
        parts = {k: v() for k, v in arguments.items() if callable(v)}
        return (
            model_class(
                encoder, augmenter=two_views(), **{**arguments, **parts}
            ),
            None,
        )

    return make


def crops(model_class, augmentation, **arguments):
    def make(encoder):
        augmenter = augmentation("cifar10", 32, 32, num_local=1, seed=0)
        return model_class(encoder, augmenter=augmenter, **arguments), None

    return make


METHODS = {
    **{
        loss: simclr(loss)
        for loss in (
            "nt_xent",
            "decoupled",
            "barlow_twins",
            "vicreg",
            "lejepa",
        )
    },
    "moco": relative(
        kc.MoCoModel, projector=head, queue_size=256, momentum=0.9
    ),
    "moco_v3": relative(
        kc.MoCoModel,
        projector=head,
        queue_size=None,
        momentum=0.9,
        predictor=head,
    ),
    "byol": relative(
        kc.BYOLModel, projector=head, predictor=head, momentum=0.9
    ),
    "simsiam": relative(kc.SimSiamModel, projector=head, predictor=head),
    "nnclr": relative(
        kc.NNCLRModel, projector=head, predictor=head, queue_size=256
    ),
    "swav": crops(kc.SwAVModel, kc.layers.swav_augmentation, num_prototypes=64),
    "dino": crops(
        kc.DINOModel,
        kc.layers.dino_augmentation,
        num_prototypes=64,
        momentum=0.99,
        total_steps=80,
    ),
}


# The gate has the first method, on one backend.
@pytest.mark.one_backend
@pytest.mark.parametrize(
    "method",
    [
        pytest.param(method, marks=[pytest.mark.slow] * (index > 0))
        for index, method in enumerate(METHODS)
    ],
)
def test_learns_what_the_labels_name(method):
    """Beats its own random start by a wide margin."""
    keras.utils.set_random_seed(0)
    train = kc.datasets.shapes(512, image_size=32, seed=0, label="color")
    test = kc.datasets.shapes(512, image_size=32, seed=1, label="color")
    conv = {"kernel_size": 3, "strides": 2, "padding": "same"}
    encoder = keras.Sequential([keras.Input((None, None, 3))])
    for filters in (16, 32, 64):
        encoder.add(keras.layers.Conv2D(filters, **conv))
        encoder.add(keras.layers.BatchNormalization(momentum=0.9))
        encoder.add(keras.layers.ReLU())
    encoder.add(keras.layers.GlobalMaxPooling2D())
    model, loss = METHODS[method](encoder)

    def accuracy():
        features = [model.predict(d.images, verbose=0) for d in (train, test)]
        predicted = kc.evaluation.knn_classify(
            features[0], train.labels, features[1], k=20
        )
        return (predicted == test.labels).mean()

    before = accuracy()
    model.compile(keras.optimizers.Adam(3e-3), loss)
    epochs = 20 if method == "nt_xent" else 40
    model.fit(train.images, batch_size=64, epochs=epochs, verbose=0)
    assert accuracy() > before + 0.1, before
