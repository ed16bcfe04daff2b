import io
import tarfile

import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import SIZE
from tests.models.helpers import TOKENS
from tests.models.helpers import clip
from tests.models.helpers import images_and_texts
from tests.models.helpers import to_numpy
from tests.peers import peer

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

NAMES = ["star", "moon", "sun"]


def tokenizer(texts):
    """Ids that depend on the first letters, END last."""
    tokens = np.full((len(texts), TOKENS), 7, "int32")
    tokens[:, 0] = [1 + ord(text[-1]) % 5 for text in texts]
    return tokens


def test_embeddings_are_those_of_the_model():
    model = clip()
    images, _ = images_and_texts(4)
    module, transform, tokenize = kc.models.for_clip_benchmark(model, tokenizer)
    module.eval()
    pixels = torch.stack([transform(Image.fromarray(x)) for x in images])
    assert pixels.shape == (4, 3, SIZE, SIZE)
    found = module.encode_image(pixels)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(
        found.numpy(), to_numpy(model.encode_image(images)), atol=1e-5
    )
    tokens = tokenize(NAMES)
    assert tokens.dtype == torch.int64
    np.testing.assert_allclose(
        module.encode_text(tokens).numpy(),
        to_numpy(model.encode_text(tokenizer(NAMES))),
        atol=1e-5,
    )


@pytest.mark.one_backend
def test_images_of_any_size_and_the_models_tokenizer():
    model = clip(tokenizer=tokenizer)
    _, transform, tokenize = kc.models.for_clip_benchmark(model)
    gray = Image.fromarray(np.full((2 * SIZE, 3 * SIZE), 51, "uint8"))
    pixels = transform(gray)
    assert pixels.shape == (3, SIZE, SIZE)
    np.testing.assert_allclose(pixels.numpy(), 0.2, atol=1e-3)
    assert tokenize("star").shape == (1, TOKENS)
    with pytest.raises(ValueError, match="`tokenizer` must be a function"):
        kc.models.for_clip_benchmark(clip())


def test_clip_benchmark_finds_our_accuracy(tmp_path):
    """On a local webdataset; needs CLIP_benchmark, see docs/evaluation.md."""
    peer("clip_benchmark")
    from clip_benchmark.datasets import builder
    from clip_benchmark.metrics import zeroshot_classification

    images, _ = images_and_texts(12)
    labels = np.arange(12) % 3
    (tmp_path / "test").mkdir()
    (tmp_path / "classnames.txt").write_text("\n".join(NAMES))
    (tmp_path / "zeroshot_classification_templates.txt").write_text("a {c}")
    (tmp_path / "test/nshards.txt").write_text("1")
    with tarfile.open(tmp_path / "test/0.tar", "w") as archive:
        for index, image in enumerate(images):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "png")
            for suffix, content in (
                ("png", file.getvalue()),
                ("cls", str(labels[index]).encode()),
            ):
                entry = tarfile.TarInfo(f"{index:04}.{suffix}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    model = clip()
    module, transform, tokenize = kc.models.for_clip_benchmark(model, tokenizer)
    dataset = builder.build_dataset(
        "wds/ours", root=str(tmp_path), transform=transform
    )
    loader = torch.utils.data.DataLoader(
        dataset.batched(5), batch_size=None, num_workers=0
    )
    found = zeroshot_classification.evaluate(
        module, loader, tokenize, dataset.classes, dataset.templates, "cpu"
    )
    weights = kc.evaluation.zero_shot_weights(
        lambda texts: model.encode_text(tokenizer(texts)), NAMES, ["a {}"]
    )
    predicted = kc.evaluation.zero_shot_classify(
        to_numpy(model.encode_image(images)), weights
    )
    assert dataset.classes == NAMES
    assert found["acc1"] == pytest.approx(np.mean(predicted == labels))
