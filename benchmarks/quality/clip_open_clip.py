"""open_clip's loss trains: one run of the peer's side of `clip.py`.

A plain PyTorch loop with `open_clip.loss.ClipLoss`. The towers are
`models.ConvNet` and `models.BagOfWords` written in PyTorch, with Keras'
initialisation; the optimizer is set as open_clip sets it: AdamW without decay
of what has one dimension or none, and a scale clamped after each step.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import peers

peers.make_torchvision_importable()

import numpy as np
import open_clip
import torch
from open_clip.loss import ClipLoss
from PIL import Image
from torch import nn
from torch.nn.functional import normalize
from torchvision import transforms


def conv(inputs, outputs):
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def conv_net(width, num_stages):
    layers, channels = conv(3, width), width
    for _ in range(num_stages):
        layers += [
            nn.MaxPool2d(2),
            *conv(channels, 2 * channels),
            *conv(2 * channels, 2 * channels),
        ]
        channels *= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class BagOfWords(nn.Module):
    def __init__(self, vocabulary_size, width, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, tokens):
        valid = (tokens != 0).float()[..., None]
        mean = (self.embedding(tokens) * valid).sum(1) / valid.sum(1)
        x = self.dropout(self.norm(mean))
        return x + self.mlp(x)


class TwoTowers(nn.Module):
    def __init__(self, case):
        super().__init__()
        dim = case["projection_dim"]
        channels = case["width"] * 2 ** case["num_stages"]
        self.image = nn.Sequential(
            conv_net(case["width"], case["num_stages"]),
            nn.Linear(channels, dim, bias=False),
        )
        self.text = nn.Sequential(
            BagOfWords(
                case["vocabulary_size"], case["text_width"], case["dropout"]
            ),
            nn.Linear(case["text_width"], dim, bias=False),
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.uniform_(module.weight, -0.05, 0.05)
        for tower in (self.image, self.text):
            projection = tower[-1].weight
            nn.init.normal_(projection, std=projection.shape[1] ** -0.5)


class Pairs(torch.utils.data.Dataset):
    """An augmented photograph and the caption drawn for this epoch."""

    def __init__(self, images, tokens, image_size):
        self.images = images
        self.tokens = torch.from_numpy(tokens)
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(image_size, scale=(0.3, 1.0)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomApply(
                    [transforms.ColorJitter(0.2, 0.2, 0.2, 0.05)], 0.8
                ),
                transforms.ToTensor(),
            ]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.transform(Image.fromarray(self.images[index]))
        return image, self.tokens[index]


def warmup_cosine(step, total):
    warmup = total // 20
    if step < warmup:
        return step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


def run(case):
    torch.manual_seed(case["seed"])
    draws = np.random.default_rng(case["seed"])
    data = np.load(case["data"])
    images, tokens = data["train_images"], data["train_tokens"]
    model = TwoTowers(case)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": case["weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
        eps=1e-6,
    )
    criterion = ClipLoss()
    total = case["epochs"] * (len(images) // case["batch_size"])
    losses, step, start = [], 0, time.perf_counter()
    for _ in range(case["epochs"]):
        chosen = draws.integers(0, tokens.shape[1], len(images))
        pairs = Pairs(
            images, tokens[np.arange(len(images)), chosen], case["image_size"]
        )
        of_epoch = []
        for batch, texts in torch.utils.data.DataLoader(
            pairs, case["batch_size"], shuffle=True, drop_last=True
        ):
            for group in optimizer.param_groups:
                group["lr"] = case["learning_rate"] * warmup_cosine(step, total)
            loss = criterion(
                normalize(model.image(batch)),
                normalize(model.text(texts)),
                model.log_scale.exp(),
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                model.log_scale.clamp_(max=math.log(100))
            of_epoch.append(loss.item())
            step += 1
        losses.append(float(np.mean(of_epoch)))
    seconds = time.perf_counter() - start

    model.eval()
    output = Path(case["output"])
    val = torch.from_numpy(data["val_images"]).permute(0, 3, 1, 2)
    with torch.no_grad():
        embedded = [model.image(part / 255) for part in val.split(256)]
        np.save(output / "images.npy", normalize(torch.cat(embedded)).numpy())
        texts = normalize(model.text(torch.from_numpy(data["val_tokens"])))
        np.save(output / "texts.npy", texts.numpy())
    return {
        "losses": losses,
        "seconds": seconds,
        "versions": f"open_clip {open_clip.__version__}, "
        f"torch {torch.__version__}",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="the case, in JSON")
    print(json.dumps(run(json.loads(parser.parse_args().run))))
