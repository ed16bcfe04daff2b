"""`embed --shard`: several processes, kills, other folders."""

import os
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli import embed_parts
from keras_contrastive.cli.main import main
from keras_contrastive.json_files import write_json

pytestmark = pytest.mark.one_backend
IMAGES = 4  # of a part

# The command in another process, with parts as small as in the tests. With a
# second argument, it stops before it renames its second part.
COMMAND = f"""
import os, sys, time
from keras_contrastive.cli import embed_parts, main
embed_parts.IMAGES = {IMAGES}
replace, replaced = os.replace, []
def replace_once(source, target):
    if replaced:
        time.sleep(600)
    replaced.append(replace(source, target))
if sys.argv[1] == "stops":
    os.replace = replace_once
main.main(sys.argv[2:])
"""


@pytest.fixture
def photos(make_folder, monkeypatch):
    """A folder of images in classes, and a run with a tiny model."""
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    monkeypatch.setattr(embed_parts, "IMAGES", IMAGES)
    folder = make_folder(26, image_size=8)
    (folder / "captions.csv").unlink()
    os.makedirs("run")
    make_model().save("run/model.keras")
    settings = {"model": "simclr", "folder": str(folder), "image_size": 8}
    write_json(settings, embed_parts.Path("run/run.json"))
    return str(folder)


def make_model():
    pixels = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(pixels)
    model = kc.SimCLRModel(keras.Model(pixels, pooled))
    model.build((None, 8, 8, 3))
    return model


def embed(photos, output, shard):
    main(["embed", photos, "--model", "run", *options(output, shard)])


def options(output, shard):
    return ["--output", str(output), "--shard", shard]


def start(photos, output, shard, how):
    arguments = ["embed", photos, "--model", "run", *options(output, shard)]
    return subprocess.Popen([sys.executable, "-c", COMMAND, how, *arguments])


def test_parallel_and_killed_processes_give_the_same_rows(
    photos, tmp_path, capsys
):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    first = start(photos, "two", "1/2", "ends")
    second = start(photos, "two", "2/2", "stops")
    while not list(tmp_path.glob("two/.part-00003*.tmp")):
        assert second.poll() is None
        time.sleep(0.05)
    second.kill()
    assert second.wait() and not first.wait()
    there = [path.name[5:10] for path in tmp_path.glob("two/part*")]
    assert sorted(map(int, there)) == [0, 1, 2, 4, 6]
    written = tmp_path / "two" / "part-00001-of-00007.parquet"
    before = written.stat().st_mtime_ns
    embed(photos, "two", "2/2")
    assert "3 of 7 parts, 1 already written" in capsys.readouterr().out
    assert written.stat().st_mtime_ns == before

    embed(photos, "one", "1/1")
    assert "one: 7 of 7 parts" in capsys.readouterr().out
    main(["embed", photos, "--model", "run", "--output", "file.parquet"])
    expected = pandas.read_parquet("file.parquet")
    assert len(expected) == 26
    for folder in ("one", "two"):
        table = pandas.read_parquet(folder)
        assert table["image"].tolist() == expected["image"].tolist()
        assert table["label"].tolist() == expected["label"].tolist()
        np.testing.assert_allclose(
            np.stack(table["embedding"]),
            np.stack(expected["embedding"]),
            rtol=1e-5,
        )
    index = kc.index.EmbeddingIndex.from_parquet("two")
    assert index.ids.tolist() == expected["image"].tolist()


def test_parts_of_other_runs_are_not_mixed(photos, capsys, tmp_path):
    embed(photos, "parts", "2/3")
    assert "parts: 2 of 7 parts" in capsys.readouterr().out
    embed(photos, "parts", "1/1")
    assert "2 already written" in capsys.readouterr().out

    image = next(tmp_path.glob("pictures/*/*.png"))
    broken = image.with_name("broken.png")
    broken.write_bytes(b"no image")
    message = "one with parts of the same images"
    with pytest.raises(SystemExit, match=message):  # another image
        embed(photos, "parts", "1/1")
    with pytest.warns(UserWarning, match="broken.png"):
        embed(photos, "new", "1/1")
    assert len(kc.index.EmbeddingIndex.from_parquet("new")) == 26
    broken.unlink()
    make_model().save("run/model.keras")  # with other weights
    with pytest.raises(SystemExit, match=message):
        embed(photos, "parts", "1/1")
    (tmp_path / "mine").mkdir()
    mine = tmp_path / "mine" / "part-00000-of-00007.parquet"
    mine.write_bytes(b"mine")
    with pytest.raises(SystemExit, match=message):
        embed(photos, "mine", "1/1")
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_invalid_shards(shard, capsys):
    with pytest.raises(SystemExit):
        main(["embed", ".", "--shard", shard])
    assert "must be K/N" in capsys.readouterr().err


def test_a_file_is_not_a_folder(photos):
    with pytest.raises(
        SystemExit, match="With --shard, --output must be a folder"
    ):
        embed(photos, "vectors.parquet", "1/2")
