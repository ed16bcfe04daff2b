"""Arguments out of range are refused before anything is read."""

import pytest

from keras_contrastive.cli.main import build_parser

pytestmark = pytest.mark.one_backend


def parse(*arguments):
    return build_parser().parse_args(arguments)


@pytest.mark.parametrize("model", ["simclr", "clip"])
@pytest.mark.parametrize(
    ("option", "wrong", "expected"),
    [
        ("--epochs", ["0", "-1", "1.5", "nan", "inf", "many"], "at least 1"),
        ("--image-size", ["0", "-8", "3", "nan", "64.5"], "at least 4"),
        ("--batch-size", ["0", "1", "-2", "inf"], "at least 2"),
        ("--seed", ["-1", "0.5", "4294967296"], "from 0 to 4294967295"),
        (
            "--learning-rate",
            ["0", "-1", "nan", "inf", "-inf", "1e-60", "1e300", "fast"],
            "a positive number",
        ),
    ],
)
def test_training(model, option, wrong, expected, capsys):
    for value in wrong:
        with pytest.raises(SystemExit, match="2"):
            parse("train", model, "DIR", f"{option}={value}")
        message = capsys.readouterr().err
        assert f"argument {option}: must be" in message
        assert expected in message and f"Received: {value}" in message


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("train simclr DIR --temperature=0", "a positive number"),
        ("train simclr DIR --temperature=nan", "a positive number"),
        ("search DIR word -k=0", "at least 1"),
        ("search DIR word -k=-3", "at least 1"),
        ("search DIR word -k=nan", "at least 1"),
    ],
)
def test_other_numbers(command, expected, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse(*command.split())
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["train", "simclr", ""],
        ["train", "clip", "DIR", "--output="],
        ["embed", ""],
        ["search", "DIR", " "],
        ["search", "DIR", "?!"],
        ["report", ""],
    ],
)
def test_empty_texts(command, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse(*command)
    assert "must " in capsys.readouterr().err


def test_arguments_are_not_abbreviated(capsys):
    """`--class dog` would be read as the file of `--classes`."""
    for command in (
        ["classify", "DIR", "--class", "dog"],
        ["train", "simclr", "DIR", "--batch", "8"],
    ):
        with pytest.raises(SystemExit, match="2"):
            parse(*command)
        assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "meaning"),
    [
        ("train simclr", "training does not use them"),
        ("train classifier", "which the classifier learns"),
        ("curate", "which are compared with those of the neighbors"),
    ],
)
def test_help_says_what_classes_are_for(command, meaning, capsys):
    with pytest.raises(SystemExit, match="0"):
        parse(*command.split(), "--help")
    assert meaning in " ".join(capsys.readouterr().out.split())


def test_accepted_values(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    args = parse(
        *"train clip ~/x/ --epochs 1 --image-size 4 --batch-size 2".split(),
        *"--learning-rate 5e-4 --seed 4294967295 --debug".split(),
    )
    assert args.source == tmp_path / "x"
    assert (args.epochs, args.image_size, args.batch_size) == (1, 4, 2)
    assert (args.learning_rate, args.seed) == (5e-4, 2**32 - 1)
    assert args.debug
