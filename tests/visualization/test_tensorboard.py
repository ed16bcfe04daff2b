import numpy as np
import pytest

from keras_contrastive.visualization import plot_history
from keras_contrastive.visualization import write_tensorboard_figure
from keras_contrastive.visualization import write_tensorboard_projector

pytestmark = pytest.mark.one_backend


def test_figure_is_read_back(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_file_loader

    figure = plot_history({"loss": [1.0, 2.0]})
    write_tensorboard_figure(tmp_path, figure, "curves", step=3)
    (file,) = tmp_path.iterdir()
    events = list(event_file_loader.LegacyEventFileLoader(str(file)).Load())
    (value,) = events[-1].summary.value
    assert events[-1].step == 3 and value.tag == "curves"
    assert value.image.encoded_image_string.startswith(b"\x89PNG")


def test_projector(tmp_path, rng):
    image_module = pytest.importorskip("PIL.Image")
    features = rng.normal(size=(5, 4))
    images = np.arange(5)[:, None, None, None] * np.full((8, 8, 3), 50)
    write_tensorboard_projector(
        tmp_path,
        features,
        np.array([0, 1, 0, 1, 1]),
        ["a", "b"],
        images.astype("uint8"),
    )
    read = np.loadtxt(tmp_path / "embeddings.tsv", delimiter="\t")
    np.testing.assert_allclose(read, features, rtol=1e-5)
    assert (tmp_path / "metadata.tsv").read_text().split() == list("ababb")
    sprite = np.array(image_module.open(tmp_path / "sprite.png"))
    assert sprite.shape == (192, 192, 3)
    assert sprite[70, 70].tolist() == [200] * 3  # the fifth, row 1, column 1
    config = (tmp_path / "projector_config.pbtxt").read_text()
    pytest.importorskip("tensorboard")
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    parsed = text_format.Parse(config, projector_config_pb2.ProjectorConfig())
    (embedding,) = parsed.embeddings
    assert embedding.tensor_path == "embeddings.tsv"
    assert embedding.metadata_path == "metadata.tsv"
    assert list(embedding.sprite.single_image_dim) == [64, 64]


def test_bad_projector_input(tmp_path):
    features = np.ones((4, 3))
    with pytest.raises(ValueError, match="`labels` must have one entry"):
        write_tensorboard_projector(tmp_path, features, np.zeros(3, int))
    with pytest.raises(ValueError, match="`images` must have one entry"):
        write_tensorboard_projector(
            tmp_path, features, images=np.zeros((3, 8, 8, 3), "uint8")
        )


def test_projector_has_one_line_for_each_name(tmp_path):
    names = ["a\nb", "c\td\u2028e", "\udc80"]
    write_tensorboard_projector(tmp_path, np.eye(3), np.arange(3), names)
    lines = (tmp_path / "metadata.tsv").read_text(encoding="utf-8")
    assert lines == "a b\nc d e\n?\n"


@pytest.mark.parametrize(
    "name", ["embeddings.tsv", "metadata.tsv", "projector_config.pbtxt"]
)
def test_projector_overwrites_no_files_of_others(name, tmp_path):
    (tmp_path / name).write_text("of others")
    with pytest.raises(ValueError, match=f"`log_dir` .*{name}"):
        write_tensorboard_projector(tmp_path, np.ones((2, 3)), [0, 1])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "of others"


def test_projector_replaces_its_own_files(tmp_path):
    for labels in ([0, 1], None, [1, 0]):
        write_tensorboard_projector(tmp_path, np.ones((2, 3)), labels)
    assert (tmp_path / "metadata.tsv").read_text().split() == ["1", "0"]
