import re

import pytest

from keras_contrastive.json_files import read_json

pytestmark = pytest.mark.one_backend


def test_reads_objects(tmp_path):
    path = tmp_path / "run.json"
    assert read_json(path) is None
    path.write_text('\ufeff{"seed": 1}', "utf-8")
    assert read_json(path) == {"seed": 1}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b'{"a": "\xff"}', b"[" * 100_000]
)
def test_names_a_file_of_anything_else(content, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path} must")):
        read_json(path)
