"""Which backend `python -m keras_contrastive` finds, without TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import pytest

import keras_contrastive as kc
from keras_contrastive import command_backend as backend
from keras_contrastive.command import is_command

pytestmark = pytest.mark.one_backend

CONSOLE_SCRIPT = """
import sys
from keras_contrastive.cli.main import main
sys.exit(main())
"""
OURS = keras.backend.backend()
OTHERS = [name for name in backend.BACKENDS if name != OURS]


@pytest.fixture(params=["module", "console script"])
def program(request, tmp_path):
    """What Python runs: the module, or the script that pip would install."""
    if request.param == "module":
        return ["-m", "keras_contrastive"]
    script = tmp_path / "bin" / "keras-contrastive"
    script.parent.mkdir()
    script.write_text(CONSOLE_SCRIPT)
    return [str(script)]


@pytest.fixture
def without(monkeypatch, tmp_path):
    """Chooses where some packages cannot be imported."""

    def choose(*hidden, chosen="", configured="tensorflow"):
        for name in hidden:
            monkeypatch.setitem(sys.modules, name, None)
        text = json.dumps({"backend": configured})
        (tmp_path / "keras.json").write_text(text)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.setenv("KERAS_BACKEND", chosen)
        backend.choose_backend()
        return os.environ["KERAS_BACKEND"]

    return choose


def test_the_backend_that_is_installed_is_taken(without, capsys):
    default = OTHERS[0]
    assert without(*OTHERS, configured=default) == OURS
    said = capsys.readouterr().err
    assert f"Backend: {OURS}, since {default} cannot be used" in said
    assert "KERAS_BACKEND=jax python -m keras_contrastive" in said


def test_the_configuration_of_keras_is_respected(without, capsys):
    assert without(configured=OURS) == ""
    assert capsys.readouterr().err == ""


def test_a_damaged_configuration_says_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for text in ("{damaged", "[1]", "{}"):
        (tmp_path / "keras.json").write_text(text)
        assert backend.configured_backend() == "tensorflow"


def test_a_chosen_backend_is_never_replaced(without):
    assert without(chosen=OURS, configured="numpy") == OURS
    with pytest.raises(SystemExit, match=f"={OTHERS[0]} cannot be used"):
        without(OTHERS[0], chosen=OTHERS[0])
    with pytest.raises(SystemExit, match="training needs one of"):
        without(chosen="numpy")


def test_arguments_need_no_keras(program, tmp_path):
    (tmp_path / "keras.py").write_text("raise ImportError('is hidden')")
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    for arguments, expected in (
        ("--version", f"keras_contrastive {kc.__version__}"),
        ("train simclr --help", f"{program[-1][-17:]} train simclr [-h]"),
    ):
        out = subprocess.run(
            [sys.executable, *program, *arguments.split()],
            check=True,
            capture_output=True,
            text=True,
            env=env,
        )
        assert expected in out.stdout and not out.stderr


def test_as_a_user_types_it(program, tmp_path):
    """With a TensorFlow that fails, and then with no backend at all."""
    env = {
        **os.environ,
        "KERAS_BACKEND": "",
        "KERAS_HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join(
            [str(tmp_path), os.environ.get("PYTHONPATH", "")]
        ),
    }

    def hide(name):
        (tmp_path / f"{name}.py").write_text("raise ImportError('is hidden')")

    def run():
        return subprocess.run(
            [sys.executable, *program, "report", "nothing"],
            capture_output=True,
            text=True,
            env=env,
        )

    for name in OTHERS:
        hide(name)
    if OURS != "tensorflow":  # which Keras takes without being told
        result = run()
        assert result.returncode == 1
        assert "error: There is no finished run in nothing" in result.stderr
        assert f"Backend: {OURS}, since tensorflow cannot" in result.stderr
    hide(OURS)
    result = run()
    assert result.returncode == 1
    assert "tensorflow: is hidden" in result.stderr
    assert "pip install 'keras_contrastive[jax]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_program_that_imports_the_package_chooses_itself():
    assert not is_command()


def test_tensorflow_is_left_out_of_other_backends(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delitem(sys.modules, "tensorflow")
    backend.leave_out_tensorflow()
    assert importlib.util.find_spec("tensorflow") is None
    assert importlib.util.find_spec("keras") is not None
    with pytest.raises(ModuleNotFoundError, match="tensorflow"):
        importlib.import_module("tensorflow")
