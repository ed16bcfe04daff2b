"""Loading a file runs nothing that is in it, and a changed file is refused."""

import ast
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.fixtures.make import FOLDER

pytestmark = pytest.mark.one_backend

PACKAGE = Path(kc.__file__).parent
FILES = sorted(FOLDER.glob("*.keras"))[-2:]
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)

# What runs code that is in data.
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal"}
MODULES |= {"shelve"}
FUNCTIONS = {"eval", "exec", "compile_command", "unsafe_load", "full_load"}
ARGUMENTS = {
    ("allow_pickle", "True"),
    ("safe_mode", "False"),
    ("weights_only", "False"),
}


def test_no_code_in_data_anywhere_in_the_package():
    # The processes of one run pickle what they tell each other, as
    # torch.distributed does.
    messages = set(PACKAGE.glob("distribution/*.py"))
    for path in set(PACKAGE.rglob("*.py")) - messages:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
                assert not names & MODULES, path
            elif isinstance(node, ast.ImportFrom):
                assert node.module.partition(".")[0] not in MODULES, path
            elif isinstance(node, ast.Call):
                function = node.func
                name = getattr(function, "id", None)
                assert name not in FUNCTIONS, path
                assert ast.unparse(function) != "torch.load", path
                for argument in node.keywords:
                    given = (argument.arg, ast.unparse(argument.value))
                    assert given not in ARGUMENTS, path


def rewrite(path, target, change):
    """A copy of the file, its members as `change(name, content)` has them."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


@each_file
def test_no_class_of_another_module_is_taken(path, tmp_path):
    proof = tmp_path / "proof"

    def change(name, content):
        if name != "config.json":
            return content
        config = json.loads(content)
        for part in ("encoder", "image_encoder"):
            if part in config["config"]:
                config["config"][part] = {
                    "module": "os",
                    "class_name": "system",
                    "config": {"command": f"touch {proof}"},
                    "registered_name": None,
                }
        return json.dumps(config)

    changed = rewrite(path, tmp_path / "changed.keras", change)
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(changed)
    assert not proof.exists()


def test_lambdas_are_refused(tmp_path):
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Flatten(),
            keras.layers.Lambda(lambda x: x, output_shape=(192,)),
        ]
    )
    model = kc.SimCLRModel(encoder, kc.layers.ProjectionHead(4, 2))
    model.compile()
    model.fit(np.zeros((4, 8, 8, 3), "uint8"), batch_size=4, verbose=0)
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match="safe_mode"):
        keras.models.load_model(tmp_path / "lambda.keras")


@each_file
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(path, share, tmp_path):
    content = path.read_bytes()
    changed = tmp_path / "truncated.keras"
    changed.write_bytes(content[: int(share * len(content))])
    with pytest.raises((ValueError, OSError, zipfile.BadZipFile)):
        keras.models.load_model(changed)


@each_file
def test_a_file_with_changed_bytes_is_refused(path, tmp_path):
    """By the checksums of the archive, in each of its members."""
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    for member in members:
        changed = bytearray(content)
        # Behind the header, which is of 30 bytes and the name.
        start = member.header_offset + 30 + len(member.filename)
        changed[start + member.compress_size // 2] ^= 0xFF
        target = tmp_path / "changed.keras"
        target.write_bytes(changed)
        with zipfile.ZipFile(target) as archive:
            assert archive.testzip() == member.filename
        if member.filename != "metadata.json":  # which says who saved it
            with pytest.raises(Exception, match="CRC|checksum|Unable|JSON"):
                keras.models.load_model(target)


@each_file
def test_weights_of_another_shape_are_refused(path, tmp_path):
    def change(name, content):
        return content.replace(b'"projection_dim": 4', b'"projection_dim": 5')

    if b'"projection_dim": 4' not in zipfile.ZipFile(path).read("config.json"):
        pytest.skip("it has no such argument")
    changed = rewrite(path, tmp_path / "changed.keras", change)
    with pytest.raises(ValueError):
        keras.models.load_model(changed)
