"""keras_contrastive trains: one run of our side of `methods.py`."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import keras
import simclr_ours

import keras_contrastive as kc
from keras_contrastive import losses


def head(case, **kwargs):
    return kc.layers.ProjectionHead(*case["head"], **kwargs)


def predictor(case):
    return kc.layers.ProjectionHead(case["predictor"], case["head"][1])


def simclr(case, encoder, augmenter):
    model = kc.SimCLRModel(
        encoder, head(case, output_batch_norm=True), augmenter
    )
    return model, losses.NTXentLoss(case["temperature"])


def dcl(case, encoder, augmenter):
    model, _ = simclr(case, encoder, augmenter)
    return model, losses.DecoupledNTXentLoss(case["temperature"])


def barlow_twins(case, encoder, augmenter):
    projector = head(case, num_layers=3, output_batch_norm=False)
    model = kc.SimCLRModel(encoder, projector, augmenter)
    return model, losses.BarlowTwinsLoss()


def vicreg(case, encoder, augmenter):
    model, _ = barlow_twins(case, encoder, augmenter)
    return model, losses.VICRegLoss()


def moco(case, encoder, augmenter):
    model = kc.MoCoModel(
        encoder,
        head(case, use_batch_norm=False),
        augmenter,
        queue_size=case["queue"],
        momentum=case["teacher_momentum"],
    )
    return model, losses.QueueInfoNCELoss(case["temperature"])


def byol(case, encoder, augmenter):
    model = kc.BYOLModel(
        encoder,
        head(case),
        augmenter,
        predictor=predictor(case),
        momentum=case["teacher_momentum"],
    )
    return model, losses.NegativeCosineSimilarity()


def simsiam(case, encoder, augmenter):
    model = kc.SimSiamModel(
        encoder,
        head(case, num_layers=3),
        augmenter,
        predictor=predictor(case),
    )
    return model, losses.NegativeCosineSimilarity()


def nnclr(case, encoder, augmenter):
    model = kc.NNCLRModel(
        encoder,
        head(case, num_layers=3),
        augmenter,
        predictor=predictor(case),
        queue_size=case["queue"],
    )
    return model, losses.QueueInfoNCELoss(case["temperature"])


def swav(case, encoder, augmenter):
    model = kc.SwAVModel(
        encoder,
        head(case),
        augmenter,
        num_prototypes=case["prototypes"],
    )
    return model, losses.SwAVLoss()


def dino(case, encoder, augmenter):
    model = kc.DINOModel(
        encoder,
        head(case, num_layers=3, output_batch_norm=False),
        augmenter,
        num_prototypes=case["prototypes"],
        frozen_steps=case["frozen_steps"],
        momentum=case["teacher_momentum"],
    )
    return model, losses.DINOLoss()


METHODS = {
    "simclr": simclr,
    "dcl": dcl,
    "barlow_twins": barlow_twins,
    "vicreg": vicreg,
    "moco": moco,
    "byol": byol,
    "simsiam": simsiam,
    "nnclr": nnclr,
    "swav": swav,
    "dino": dino,
}


def run(case):
    keras.utils.set_random_seed(case["seed"])
    encoder = simclr_ours.make_encoder(case)
    augmenter = simclr_ours.make_augmenter(case, encoder)
    model, loss = METHODS[case["method"]](case, encoder, augmenter)
    return simclr_ours.train(model, loss, case)


if __name__ == "__main__":
    simclr_ours.main(run, __doc__.splitlines()[0])
