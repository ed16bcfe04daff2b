"""What a start that fails leaves, and what one that succeeds keeps."""

import csv

import numpy as np
import pytest

from keras_contrastive.cli.held_out import every_image
from keras_contrastive.cli.history_file import HistoryFile
from keras_contrastive.cli.run_folder import FIRST_CHECKPOINT
from keras_contrastive.cli.run_folder import RunFolder

pytestmark = pytest.mark.one_backend


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def settings(tmp_path):
    return {"model": "simclr", "folder": str(tmp_path), "image_size": 8}


def fail_in(run, settings, error, epochs=0):
    with pytest.raises(type(error)):
        with run.training(settings, every_image([])):
            (run.path / "checkpoints").mkdir()
            np.savez(run.path / "checkpoints" / FIRST_CHECKPOINT, step=0)
            run.tokenizer.write_text("{}")
            for epoch in range(epochs):
                HistoryFile(run.history).on_epoch_end(epoch, {"loss": 1.0})
            raise error


@pytest.mark.parametrize(
    "error", [ValueError("of the data"), RuntimeError(), KeyboardInterrupt()]
)
def test_a_failure_in_the_first_epoch_leaves_nothing(run, settings, error):
    fail_in(run, settings, error)
    assert not run.path.exists()
    run.check_unfinished()
    run.check_settings({**settings, "image_size": 16})


def test_files_of_the_user_stay(run, settings):
    (run.path / "checkpoints").mkdir(parents=True)
    mine = [run.path / "notes.txt", run.path / "checkpoints" / "mine.txt"]
    for file in mine:
        file.write_text("mine")
    (run.path / "checkpoints" / "mine.txt").rename(run.path / "b.txt")
    (run.path / "checkpoints").rmdir()
    fail_in(run, settings, ValueError())
    assert sorted(path.name for path in run.path.iterdir()) == [
        "b.txt",
        "notes.txt",
    ]


@pytest.mark.parametrize(
    "name",
    ["tokenizer.json", "history.csv", "report.html", "split.json"]
    + ["checkpoints/mine.npz"],
)
def test_files_of_the_user_are_not_overwritten(run, name):
    (run.path / name).parent.mkdir(parents=True)
    (run.path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"{name} is there, but no run.json"):
        run.check_unfinished()


def test_a_process_killed_in_the_first_epoch_blocks_nothing(run, settings):
    with run.training(settings, every_image([])):
        (run.path / "checkpoints").mkdir()
        (run.path / "checkpoints" / FIRST_CHECKPOINT).touch()
    run.check_unfinished()
    run.forget_start()
    run.check_settings({**settings, "image_size": 16})


def test_a_later_failure_keeps_the_run_and_the_traceback(run, settings):
    error = ValueError("of the data")
    fail_in(run, settings, error, epochs=1)
    assert error.__notes__ == [f"The traceback is in {run.errors}."]
    log = run.errors.read_text()
    assert "Traceback" in log and "in fail_in" in log and "of the data" in log
    run.forget_start()
    assert run.split().num_train == 0
    with pytest.raises(ValueError, match="interrupted run .*image_size=8"):
        run.check_settings({**settings, "image_size": 16})


def test_an_interrupted_save_is_no_finished_run(run, settings):
    class Model:
        def save(self, path):
            path.write_bytes(b"half of it")
            if self.interrupted:
                raise KeyboardInterrupt

    run.path.mkdir()
    model = Model()
    model.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        run.save(model)
    assert not run.model.exists()
    model.interrupted = False
    run.save(model)
    assert run.model.exists()


def test_other_files_are_named(run, settings):
    run.path.mkdir()
    run.model.touch()
    (run.path / "run.json").write_text("{half")
    with pytest.raises(ValueError, match="run.json is damaged"):
        run.settings()
    (run.path / "run.json").write_text("[]")
    with pytest.raises(ValueError, match="run.json must hold"):
        run.settings()
    (run.path / "run.json").write_text('{"model": "moco"}')
    with pytest.raises(ValueError, match="model='moco', without .*'folder'"):
        run.settings()


def test_an_output_that_cannot_be_written(run, monkeypatch):
    run.path.write_text("a file")
    with pytest.raises(ValueError, match="--output must lie in a folder"):
        run.check_unfinished()
    run.path.unlink()
    # The superuser, who may run the tests, can write anywhere.
    monkeypatch.setattr("os.access", lambda *args: False)
    with pytest.raises(PermissionError, match="is read-only"):
        run.check_unfinished()
    assert not run.path.exists()


def test_an_epoch_that_is_repeated_has_one_row(tmp_path):
    history = HistoryFile(tmp_path / "history.csv")
    for epoch, loss in ((0, 3.0), (1, 2.0), (1, np.float32(1.5)), (2, 1.0)):
        history.on_epoch_end(epoch, {"loss": loss} if epoch < 2 else {})
    with (tmp_path / "history.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["epoch", "loss"],
            ["0", "3.0"],
            ["1", "1.5"],
            ["2", "NA"],
        ]
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]
