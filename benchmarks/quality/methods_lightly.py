"""lightly trains: one run of the peer's side of `methods.py`.

Its backbone, views, heads, losses and modules in the loop of
`simclr_lightly.py`; each `forward` follows lightly's example of the method.
"""

import copy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import simclr_lightly
import torch
from lightly import loss as losses
from lightly.models import modules
from lightly.models.modules.heads import VICRegProjectionHead
from lightly.models.utils import deactivate_requires_grad
from lightly.models.utils import update_momentum
from simclr_lightly import JointEmbedding
from torch import nn


def simclr(case, backbone, dim):
    head = modules.SimCLRProjectionHead(dim, *case["head"])
    return JointEmbedding(
        backbone, head, losses.NTXentLoss(case["temperature"])
    )


def dcl(case, backbone, dim):
    head = modules.SimCLRProjectionHead(dim, *case["head"])
    return JointEmbedding(backbone, head, losses.DCLLoss(case["temperature"]))


def barlow_twins(case, backbone, dim):
    head = modules.BarlowTwinsProjectionHead(dim, *case["head"])
    return JointEmbedding(backbone, head, losses.BarlowTwinsLoss())


def vicreg(case, backbone, dim):
    head = VICRegProjectionHead(dim, *case["head"])
    return JointEmbedding(backbone, head, losses.VICRegLoss())


def make_teacher(*sources):
    """A copy that gets no gradient."""
    teacher = copy.deepcopy(nn.Sequential(*sources))
    deactivate_requires_grad(teacher)
    return teacher


class MoCo(JointEmbedding):
    def __init__(self, case, backbone, dim):
        queue = case["queue"], case["head"][1]
        super().__init__(
            backbone,
            modules.MoCoProjectionHead(dim, *case["head"]),
            losses.NTXentLoss(case["temperature"], memory_bank_size=queue),
        )
        self.teacher = make_teacher(self.backbone, self.head)
        self.momentum = case["teacher_momentum"]

    def forward(self, first, second):
        student = nn.Sequential(self.backbone, self.head)
        update_momentum(student, self.teacher, self.momentum)
        with torch.no_grad():
            keys = self.teacher(second)
        return self.criterion(student(first), keys)


class BYOL(JointEmbedding):
    def __init__(self, case, backbone, dim):
        output = case["head"][1]
        super().__init__(
            backbone,
            modules.BYOLProjectionHead(dim, *case["head"]),
            losses.NegativeCosineSimilarity(),
        )
        self.predictor = modules.BYOLPredictionHead(
            output, case["predictor"], output
        )
        self.teacher = make_teacher(self.backbone, self.head)
        self.momentum = case["teacher_momentum"]

    def forward(self, first, second):
        student = nn.Sequential(self.backbone, self.head)
        update_momentum(student, self.teacher, self.momentum)
        views = torch.cat([first, second])
        p_a, p_b = self.predictor(student(views)).chunk(2)
        with torch.no_grad():
            t_a, t_b = self.teacher(views).chunk(2)
        return (self.criterion(p_a, t_b) + self.criterion(p_b, t_a)) / 2


class SimSiam(JointEmbedding):
    def __init__(self, case, backbone, dim):
        output = case["head"][1]
        super().__init__(
            backbone,
            modules.SimSiamProjectionHead(dim, *case["head"]),
            losses.NegativeCosineSimilarity(),
        )
        self.predictor = modules.SimSiamPredictionHead(
            output, case["predictor"], output
        )

    def forward(self, first, second):
        z_a, z_b = self.embed(first, second)
        p_a, p_b = self.predictor(torch.cat([z_a, z_b])).chunk(2)
        z_a, z_b = z_a.detach(), z_b.detach()
        return (self.criterion(p_a, z_b) + self.criterion(p_b, z_a)) / 2


class NNCLR(JointEmbedding):
    def __init__(self, case, backbone, dim):
        output = case["head"][1]
        super().__init__(
            backbone,
            modules.NNCLRProjectionHead(dim, *case["head"]),
            losses.NTXentLoss(case["temperature"]),
        )
        self.predictor = modules.NNCLRPredictionHead(
            output, case["predictor"], output
        )
        self.queue = modules.NNMemoryBankModule((case["queue"], output))

    def forward(self, first, second):
        z_a, z_b = self.embed(first, second)
        p_a, p_b = self.predictor(torch.cat([z_a, z_b])).chunk(2)
        nn_a = self.queue(z_a.detach(), update=False)
        nn_b = self.queue(z_b.detach(), update=True)
        return (self.criterion(nn_a, p_b) + self.criterion(nn_b, p_a)) / 2


class SwAV(JointEmbedding):
    def __init__(self, case, backbone, dim):
        super().__init__(
            backbone,
            modules.SwaVProjectionHead(dim, *case["head"]),
            losses.SwaVLoss(),
        )
        self.prototypes = modules.SwaVPrototypes(
            case["head"][1], case["prototypes"]
        )

    def forward(self, first, second):
        self.prototypes.normalize()
        z = torch.cat(self.embed(first, second))
        scores = self.prototypes(nn.functional.normalize(z, dim=1))
        return self.criterion(scores.chunk(2), [])


class DINO(JointEmbedding):
    def __init__(self, case, backbone, dim):
        head = modules.DINOProjectionHead(
            dim,
            *case["head"],
            case["prototypes"],
            batch_norm=True,
            freeze_last_layer=case["frozen_epochs"],
        )
        super().__init__(backbone, head, losses.DINOLoss(case["prototypes"]))
        # A weight-normalized layer cannot be copied by `deepcopy`.
        teacher_head = modules.DINOProjectionHead(
            dim, *case["head"], case["prototypes"], batch_norm=True
        )
        teacher_head.load_state_dict(head.state_dict())
        deactivate_requires_grad(teacher_head)
        self.teacher = nn.Sequential(make_teacher(backbone), teacher_head)
        self.momentum = case["teacher_momentum"]

    def forward(self, first, second):
        student = nn.Sequential(self.backbone, self.head)
        update_momentum(student, self.teacher, self.momentum)
        with torch.no_grad():
            targets = self.teacher(torch.cat([first, second])).chunk(2)
        return self.criterion(targets, self.embed(first, second))

    def after_backward(self, epoch):
        self.head.cancel_last_layer_gradients(epoch)


METHODS = {
    "simclr": simclr,
    "dcl": dcl,
    "barlow_twins": barlow_twins,
    "vicreg": vicreg,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
    "nnclr": NNCLR,
    "swav": SwAV,
    "dino": DINO,
}


def run(case):
    torch.manual_seed(case["seed"])
    backbone = simclr_lightly.make_backbone(case)
    method = METHODS[case["method"]](case, backbone, 8 * case["width"])
    return simclr_lightly.train(method, case)


if __name__ == "__main__":
    simclr_lightly.main(run, __doc__.splitlines()[0])
