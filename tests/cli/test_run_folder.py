"""Files after failed, interrupted and finished runs."""

import contextlib
import csv
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

from keras_contrastive.callbacks.checkpoint_files import CheckpointFiles
from keras_contrastive.cli import run_folder
from keras_contrastive.cli.classifier_report import write_classifier_report
from keras_contrastive.cli.epoch_lines import COLUMNS
from keras_contrastive.cli.epoch_lines import EpochLines
from keras_contrastive.cli.epoch_lines import duration
from keras_contrastive.cli.held_out import every_image
from keras_contrastive.cli.history_file import HistoryFile
from keras_contrastive.cli.main import main
from keras_contrastive.cli.report import load_sample
from keras_contrastive.cli.run_folder import FIRST_CHECKPOINT
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.run_lock import NAME
from keras_contrastive.cli.scores import print_scores
from keras_contrastive.cli.sources import location_of
from keras_contrastive.cli.warning_summary import summarized_warnings
from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.image_folder import image_folder
from keras_contrastive.json_files import write_json
from keras_contrastive.visualization.scores import Score
from tests.full_disk import full_disk

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


def test_the_report_of_a_classifier_needs_the_held_out_images(run, settings):
    settings = {**settings, "class_names": ["cat", "dog"]}
    with pytest.raises(ValueError, match="split.json"):
        write_classifier_report(run, settings)


@pytest.mark.parametrize(
    "error", [ValueError("of the data"), RuntimeError(), KeyboardInterrupt()]
)
def test_a_failure_in_the_first_epoch_leaves_nothing(run, settings, error):
    fail_in(run, settings, error)
    assert not run.path.exists()
    run.check_output()
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
    with pytest.raises(ValueError, match=f"{name} exists without the run.json"):
        run.check_output()


def test_a_process_killed_in_the_first_epoch_blocks_nothing(run, settings):
    with run.training(settings, every_image([])):
        (run.path / "checkpoints").mkdir()
        (run.path / "checkpoints" / FIRST_CHECKPOINT).touch()
    run.check_output()
    run.forget_start()
    run.check_settings({**settings, "image_size": 16})


OTHER = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def other_training(run):
    """A process in its first epoch, whose files look like a dead one's."""
    pytest.importorskip("fcntl", reason="needs the locks of POSIX")
    with run.training({"model": "clip", "folder": "."}, every_image([])):
        (run.path / "checkpoints").mkdir()
        (run.path / "checkpoints" / FIRST_CHECKPOINT).touch()
    command = [sys.executable, "-c", OTHER, run.path / NAME]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == b"locked\n"
        yield
        process.kill()


def test_two_processes_do_not_train_in_one_folder(run):
    with other_training(run):
        before = sorted(run.path.rglob("*"))
        with pytest.raises(ValueError, match="run is in use by another train"):
            with run.prepared():
                raise AssertionError
        assert sorted(run.path.rglob("*")) == before
    # The lock ended with its process.
    with run.prepared():
        assert [path.name for path in run.path.iterdir()] == [NAME]
        with pytest.raises(ValueError, match="run is in use by another train"):
            with run.prepared():
                raise AssertionError


@pytest.mark.parametrize(
    "command", ["simclr --force", "clip", "classifier", "classifier --force"]
)
def test_commands_do_not_touch_a_run_in_use(run, tmp_path, command):
    with other_training(run):
        before = sorted(run.path.rglob("*"))
        with pytest.raises(SystemExit, match="run is in use by another train"):
            main(
                ["train", *command.split(), str(tmp_path)]
                + ["--output", str(run.path)]
            )
        assert sorted(run.path.rglob("*")) == before


def test_a_lock_leaves_nothing(tmp_path):
    for path in (tmp_path, tmp_path / "runs" / "simclr"):
        for _ in range(2):
            with RunFolder(path).prepared():
                assert path.exists()
        assert not list(tmp_path.iterdir())


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


def test_an_interrupted_save_does_not_finish_a_run(run, settings):
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
    assert not list(run.path.iterdir())
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


@pytest.mark.parametrize("before", ["run.json", "split.json"])
def test_a_process_killed_before_it_trains(run, settings, before, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "write_json", killed_before(before))
        # A killed process would not clean up either.
        patch.setattr(run, "_remove_start", lambda: None)
        with pytest.raises(SystemExit):
            with run.training(settings, every_image([])):
                raise AssertionError
    with run.prepared():
        run.check_settings({**settings, "image_size": 16})
        with run.training(settings, every_image([])):
            assert run.split().num_train == 0


def killed_before(name):
    def write(content, path):
        if path.name == name:
            raise SystemExit
        write_json(content, path)

    return write


def test_a_run_json_of_another_program_stays(run):
    run.path.mkdir()
    (run.path / "run.json").write_text('{"seed": 1}')
    with run.prepared():
        assert (run.path / "run.json").read_text() == '{"seed": 1}'


def test_a_full_disk_keeps_a_finished_run(run, settings):
    train_to(run, settings, 1)
    before = sorted(run.path.rglob("*"))
    with full_disk(0), pytest.raises(OSError):
        train_to(run, settings, 2)
    assert run.settings()["epochs"] == 1
    assert {*run.path.rglob("*")} - {*before} <= {run.errors}
    train_to(run, settings, 2)
    assert run.settings()["epochs"] == 2


def test_an_output_that_cannot_be_written(run, monkeypatch):
    run.path.write_text("a file")
    with pytest.raises(ValueError, match="--output must lie in a folder"):
        run.check_output()
    run.path.unlink()
    # The superuser can write anywhere, and may run the tests.
    monkeypatch.setattr("os.access", lambda *args: False)
    with pytest.raises(PermissionError, match="is read-only"):
        run.check_output()
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


def test_a_line_for_each_epoch(capsys):
    lines = EpochLines()
    lines.set_params({"epochs": 1000, "steps": 3})
    logs = {name: 0.123456 for name, *_ in COLUMNS}
    lines.on_train_begin()
    for epoch in (123, 124, 999):
        lines.on_epoch_begin(epoch)
        lines.on_train_batch_end(0)
        lines.on_epoch_end(epoch, {**logs, "other": 1.0})
    first, *epochs = capsys.readouterr().out.splitlines()
    assert first == "Resuming after epoch 123 of 1000."
    assert epochs[0].startswith("epoch  124/1000  loss 0.1235  held-out recall")
    assert epochs[1].endswith(" left") and epochs[2].endswith(" s")
    assert len(epochs) == 3 and max(map(len, epochs)) <= 80


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.54, "2.5 s"), (50.2, "50 s"), (119, "2 min"), (11_100, "3 h 5 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_damaged_files_are_summarized():
    with pytest.warns(UserWarning) as caught, summarized_warnings():
        for what, name in (
            ("images cannot be read", "records[3], a.png"),
            ("images cannot be read", "records[0], a.png"),
            ("lines cannot be parsed", "a.csv, line 2"),
        ):
            bad = BadRecords(what, 7, 0.5)
            bad.add(name, "damaged")
            bad.warn("Left out.")
        for _ in range(2):
            warnings.warn("something else", stacklevel=1)
    assert [str(each.message) for each in caught] == [
        "something else",
        "1 of 7 images cannot be read:\n- records[3], a.png: damaged\n"
        "Left out.\n1 of 7 lines cannot be parsed:\n- a.csv, line 2: damaged\n"
        "Left out.",
    ]


class SavedModel:
    def save(self, path):
        path.write_bytes(b"a model")


def train_to(run, settings, epochs, error=None):
    settings = {**settings, "epochs": epochs}
    run.check_output()
    run.check_settings(settings)
    with run.training(settings, every_image([])):
        checkpoints = CheckpointFiles(run.path / "checkpoints")
        checkpoints.prepare()
        for epoch in range(epochs):
            checkpoints.write(f"epoch-{epoch:06d}-step-000000000", {})
            HistoryFile(run.history).on_epoch_end(epoch, {"loss": 1.0})
        if error:
            raise error
        run.save(SavedModel())


def test_a_finished_run_is_trained_further(run, settings, capsys):
    train_to(run, settings, 2)
    checkpoints = run.path / "checkpoints"
    assert [file.name for file in checkpoints.iterdir()] == [
        "epoch-000001-step-000000000.npz"
    ]
    for epochs in (1, 2):
        with pytest.raises(
            ValueError, match="of 2 epochs. To train it further"
        ):
            train_to(run, settings, epochs)
    with pytest.raises(ValueError, match="finished run with .* image_size=8"):
        train_to(run, {**settings, "image_size": 16}, 3)

    interruption = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        train_to(run, settings, 4, interruption)
    assert interruption.__notes__ == [
        "Stopped after epoch 4. Run the same command again to resume."
    ]
    assert "4 epochs instead of 2" in capsys.readouterr().out
    assert run.settings()["trained_epochs"] == 2  # the earlier model
    assert run.first_epochs(9, is_new=False) == 2
    assert run.first_epochs(9, is_new=True) == 9
    train_to(run, settings, 4)
    assert run.settings()["trained_epochs"] == 4
    with pytest.raises(ValueError, match="of 4 epochs. To train it further"):
        train_to(run, settings, 4)
    for file in checkpoints.iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="without a checkpoint"):
        train_to(run, settings, 5)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("full")])
@pytest.mark.parametrize("epochs", [0, 1])
def test_a_failure_after_the_training(run, settings, error, epochs):
    """Such as in the report. A classifier may be trained for 0 epochs."""
    error.__notes__ = []
    settings = {**settings, "epochs": epochs}
    with pytest.raises(type(error)):
        with run.training(settings, every_image([])):
            for epoch in range(epochs):
                HistoryFile(run.history).on_epoch_end(epoch, {"loss": 1.0})
            run.save(SavedModel())
            raise error
    assert error.__notes__[-1] == (
        "The model is trained. `python -m keras_contrastive report "
        f"{run.path}` writes its report."
    )
    assert "again to resume" not in "".join(error.__notes__)
    assert run.settings()["epochs"] == epochs


def begin(run, settings, folder):
    """A run on all images of a folder, interrupted after an epoch."""
    settings = {**settings, "folder": str(folder.resolve()), "epochs": 2}
    images = image_folder(folder.resolve()).paths if folder.is_dir() else []
    with run.training(settings, every_image(images)):
        HistoryFile(run.history).on_epoch_end(0, {"loss": 1.0})
    return settings


@pytest.mark.parametrize("method", ["simclr", "clip", "classifier"])
def test_the_run_of_other_images_is_named(
    run, settings, make_folder, method, tmp_path
):
    begin(run, {**settings, "model": method}, make_folder(6))
    other = make_folder(40, "others")
    if method == "classifier":  # It asks for this run first.
        (tmp_path / "runs" / "simclr").mkdir(parents=True)
        (tmp_path / "runs" / "simclr" / "model.keras").touch()
        write_json(
            {**settings, "model": "simclr"}, tmp_path / "runs/simclr/run.json"
        )
    with pytest.raises(
        SystemExit, match="run with other settings, folder=.*pictures'. Rep"
    ):
        main(
            ["train", method, str(other), "--output", str(run.path)]
            + ["--batch-size", "20"]
        )


def test_a_link_to_the_table_of_an_earlier_version(run, settings, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "table_v1.csv").write_text("image\na.png\n")
    link, other = tmp_path / "link.csv", tmp_path / "other.csv"
    link.symlink_to(tmp_path / "store" / "table_v1.csv")
    other.write_text("image\nb.png\n")
    begun = begin(run, settings, link)
    assert begun["folder"].endswith("table_v1.csv")
    run.check_settings({**begun, "folder": str(location_of(link))})
    for folder in (str(other), None):
        with pytest.raises(ValueError, match="settings, folder="):
            run.check_source({"model": "simclr", "folder": folder})


def test_the_report_has_the_classes_of_the_run(run, settings, make_folder):
    folder = make_folder(12)
    settings = begin(run, settings, folder)
    before = load_sample(run, settings)
    assert len(before["class_names"]) > 1
    (folder / "stray.png").write_bytes(next(folder.rglob("*.png")).read_bytes())
    after = load_sample(run, settings)
    assert after["names"] == before["names"]
    assert after["class_names"] == before["class_names"]
    np.testing.assert_array_equal(after["labels"], before["labels"])
    # No photograph is left when the report shows it in its own size.
    large = after["originals"](3)
    shutil.rmtree(folder)
    np.testing.assert_array_equal(after["originals"](3), after["images"][3])
    assert large.shape != after["images"][3].shape


def test_classes_that_are_new_have_no_earlier_score(capsys):
    score = Score("knn_accuracy", "by their neighbors", 0.5, 0.25, None)
    print_scores([score], {})
    print_scores([score], {"knn_accuracy": 0.375})
    assert capsys.readouterr().out.splitlines()[1::2] == [
        "  chance 25.0%",
        "  untrained 37.5%, chance 25.0%",
    ]


def test_starting_over_leaves_other_files(run, settings):
    train_to(run, settings, 1)
    mine = [run.path / "notes.txt", run.path / "checkpoints" / "mine.npz"]
    for file in mine:
        file.write_text("mine")
    run.restart()
    assert sorted(file for file in run.path.rglob("*.*")) == sorted(mine)
    (run.path / "run.json").write_text('{"model": "another program"}')
    run.history.write_text("mine")
    with pytest.raises(
        ValueError, match="must belong to a run of this package"
    ):
        run.restart()
    assert run.history.read_text() == "mine"
