"""Search in a browser: what the pages of `serve` show and refuse."""

import io
import re

import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli.main import build_parser
from keras_contrastive.cli.main import main
from keras_contrastive.cli.search_site import Collection
from keras_contrastive.cli.search_site import make_app
from keras_contrastive.cli.serve import read_collection

testclient = pytest.importorskip(
    "starlette.testclient", reason="needs the extra `serve` and httpx"
)
pytest.importorskip("python_multipart", reason="needs the extra `serve`")
pytest.importorskip("httpx", reason="needs httpx, the test client")

pytestmark = pytest.mark.one_backend
NAMES = ["a.png", "b.png", "</a><script>alert(1)</script>.png"]
WORDS = {"first": 0, "second": 1, "third": 2}


def client(**changes):
    pictures = kc.datasets.shapes(3, image_size=16).images
    collection = Collection(
        NAMES,
        np.eye(3, 4),
        pictures.__getitem__,
        lambda content: np.eye(3, 4)[{b"second": 1}[content]],
        lambda sentence: np.eye(3, 4)[WORDS.get(sentence, 0)] + 0.01,
    )
    return testclient.TestClient(
        make_app(collection._replace(**changes), "my <pictures>"),
        base_url="http://127.0.0.1:8000",
    )


def names_of(response):
    """The names that a page shows, in its order."""
    found = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", response.text)
    return [name.split(" ")[-1] for name in found]


def test_search_by_sentence_by_click_and_by_upload():
    site = client()
    start = site.get("/")
    assert start.status_code == 200 and "3 images" in start.text
    assert names_of(site.get("/", params={"q": " second "}))[0] == "b.png"
    liked = site.get("/", params={"like": "1"})
    assert names_of(liked)[0] == "b.png" and 'class="query' in liked.text
    uploaded = site.post("/", files={"image": ("x.png", b"second")})
    assert names_of(uploaded)[0] == "b.png"


def test_names_are_text_and_pages_run_no_script():
    page = client().get("/")
    assert "<script>" not in page.text and "<pictures>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]
    asked = client().get("/", params={"q": "<b>"}).text
    assert "<b>" not in asked


@pytest.mark.parametrize(
    "params",
    [
        {"q": " "},
        {"q": "!?"},
        {"q": "a" * 1001},
        {"like": "3"},
        {"like": "-1"},
        {"like": "../../etc/passwd"},
        {"like": "²"},
    ],
)
def test_refuses_bad_requests(params):
    answer = client().get("/", params=params)
    assert answer.status_code == 400
    assert len(names_of(answer)) == 3


def test_refuses_other_paths_hosts_and_files():
    site = client()
    for path in ("/etc/passwd", "/..%2f..%2fetc/passwd", "/a.png"):
        assert site.get(path).status_code == 404
    assert site.get("/", headers={"host": "evil.example"}).status_code == 400
    assert site.post("/", files={"image": ("x", b"?")}).status_code == 400
    assert site.post("/", data={"image": "text"}).status_code == 400
    large = {"content-length": str(21 * 2**20)}
    answer = site.post("/", headers=large, content=b"")
    assert answer.status_code == 413
    site = client(encode_text=None)
    assert "placeholder" not in site.get("/").text
    assert site.get("/", params={"q": "first"}).status_code == 400


def test_a_run_is_searched(make_folder):
    pillow = pytest.importorskip("PIL.Image", reason="needs Pillow")
    folder = make_folder(24, image_size=16)
    sizes = ["--image-size", "16", "--epochs", "1", "--batch-size", "8"]
    main(["train", "clip", str(folder), *sizes])
    arguments = ["serve", str(folder), "--model", "runs/clip"]
    collection = read_collection(build_parser().parse_args(arguments))
    site = testclient.TestClient(
        make_app(collection, "pictures"), base_url="http://localhost"
    )
    assert len(names_of(site.get("/", params={"q": "a red star"}))) == 24
    name = collection.names[5]
    file = io.BytesIO()
    pillow.open(folder / name).save(file, "png")
    answer = site.post("/", files={"image": ("x.png", file.getvalue())})
    assert names_of(answer)[0] == name
    answer = site.post("/", files={"image": ("x.png", b"no image")})
    assert answer.status_code == 400
    # Images that are gone since, or damaged, cost no page.
    (folder / name).unlink()
    (folder / collection.names[6]).write_bytes(b"no image")
    for params in ({}, {"like": "5"}, {"like": "6"}):
        answer = site.get("/", params=params)
        assert answer.status_code == 200 and len(names_of(answer)) == 24
