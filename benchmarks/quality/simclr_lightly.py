"""lightly trains: one run of the peer's side of `simclr.py`.

Its network, transform, head and loss in the loop of its own benchmarks. Two
things are made as Keras has them, so that both sides descend alike: weight
decay acts beside the momentum, not through it, and the cosine goes down with
every step rather than every epoch. Images are not standardised: the BatchNorm
that follows the first convolution does it.
"""

import argparse
import json
import math
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import peers

peers.make_torchvision_importable()

import lightly
import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.models import ResNetGenerator
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch import nn


class Views(torch.utils.data.Dataset):
    """Two augmented views of each image."""

    def __init__(self, images):
        self.images = images
        self.transform = SimCLRTransform(
            input_size=32, cj_strength=0.5, gaussian_blur=0.0, normalize=None
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index]))


def features(backbone, images, batch_size):
    backbone.eval()
    with torch.no_grad():
        batches = [
            backbone(batch.permute(0, 3, 1, 2) / 255)
            for batch in torch.from_numpy(images).split(batch_size)
        ]
    backbone.train()
    return torch.cat(batches).numpy()


def make_backbone(case):
    """lightly's CIFAR ResNet-18, images to vectors of 8 times the width."""
    resnet = ResNetGenerator("resnet-18", width=case["width"] / 64)
    backbone = nn.Sequential(
        *list(resnet.children())[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    # `ResNet.forward` has this ReLU between its first two children.
    backbone.insert(2, nn.ReLU())
    return backbone


class JointEmbedding(nn.Module):
    """A method with one network; `forward` is the loss of two views."""

    def __init__(self, backbone, head, criterion):
        super().__init__()
        self.backbone, self.head = backbone, head
        self.criterion = criterion

    def embed(self, first, second):
        # Both views in one pass, as on the other side.
        return self.head(self.backbone(torch.cat([first, second]))).chunk(2)

    def forward(self, first, second):
        return self.criterion(*self.embed(first, second))

    def after_backward(self, epoch):
        """What the method does with its gradients."""


def optimizer_of(case, parameters):
    rate = case["learning_rate"]
    if case.get("optimizer") == "adam":
        return torch.optim.Adam(parameters, rate)
    return torch.optim.SGD(parameters, rate, momentum=case["momentum"])


def train(method, case):
    """Trains a method and saves its representations before and after.

    Returns:
        Dict of the losses of the epochs, the seconds of training and the
        versions.
    """
    data = np.load(case["data"])
    parameters = [each for each in method.parameters() if each.requires_grad]
    peak, decay = case["learning_rate"], case["weight_decay"]
    optimizer = optimizer_of(case, parameters)

    def save(name):
        for split in ("train", "test"):
            np.save(
                Path(case["output"]) / f"{name}_{split}.npy",
                features(
                    method.backbone,
                    data[f"{split}_images"],
                    case["batch_size"],
                ),
            )

    save("init")
    loader = torch.utils.data.DataLoader(
        Views(data["train_images"]),
        case["batch_size"],
        shuffle=True,
        drop_last=True,
    )
    total, step = case["epochs"] * len(loader), 0
    losses, start = [], time.perf_counter()
    for epoch in range(case["epochs"]):
        of_epoch = []
        for first, second in loader:
            rate = peak * (1 + math.cos(math.pi * step / total)) / 2
            optimizer.param_groups[0]["lr"] = rate
            loss = method(first, second)
            optimizer.zero_grad()
            loss.backward()
            method.after_backward(epoch)
            with torch.no_grad():
                torch._foreach_mul_(parameters, 1 - rate * decay)
            optimizer.step()
            of_epoch.append(loss.item())
            step += 1
        losses.append(float(np.mean(of_epoch)))
    seconds = time.perf_counter() - start
    # Of the process, in KiB on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    save("final")
    return {
        "losses": losses,
        "seconds": seconds,
        "peak_bytes": 1024 * peak,
        "versions": f"lightly {lightly.__version__}, torch {torch.__version__}",
    }


def run(case):
    torch.manual_seed(case["seed"])
    dim = 8 * case["width"]
    method = JointEmbedding(
        make_backbone(case),
        SimCLRProjectionHead(dim, dim, 128),
        NTXentLoss(case["temperature"]),
    )
    return train(method, case)


def main(run, description):
    """Runs the case of the command line and prints what `run` returns."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run", required=True, help="the case, in JSON")
    print(json.dumps(run(json.loads(parser.parse_args().run))))


if __name__ == "__main__":
    main(run, __doc__.splitlines()[0])
