import json

import pytest

from keras_contrastive.evaluation import read_class_names

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "fire truck\ncat\n\n"),
        ("windows.txt", "\ufefffire truck\r\ncat\r\n"),
        ("list.json", json.dumps(["fire truck", "cat"])),
        ("dict.json", json.dumps({"1": "cat", "0": "fire truck"})),
        (
            "imagenet.json",
            json.dumps({"0": ["n1", "fire truck"], "1": ["cat"]}),
        ),
    ],
)
def test_files_of_names(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert read_class_names(tmp_path / name) == ["fire truck", "cat"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "'', which is empty"),
        ("a.txt", "cat\n\ndog", "'', which is empty"),
        ("a.txt", "cat\ndog\ncat", "'cat', which is there twice"),
        ("a.json", "[]", "list of names"),
        ("a.json", "[1]", "list of names"),
        ("a.json", '{"0": "cat", "2": "dog"}', "from the labels"),
        ("a.json", "cat", "list of names"),
        ("a.json", "3", "list of names"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_class_names(tmp_path / name)
