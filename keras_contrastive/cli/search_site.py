"""The pages of `serve`: search by sentence, by click or by upload."""

import importlib
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.visualization.html_page import html_text
from keras_contrastive.visualization.html_page import section
from keras_contrastive.visualization.html_pictures import Picture
from keras_contrastive.visualization.html_pictures import picture

SHOWN = 24  # maximum number of images on a page
LARGEST_UPLOAD = 20 * 2**20  # bytes
TOO_LARGE = "The file is larger than 20 MB."
LONGEST = 1000  # characters of a sentence
HOSTS = ["127.0.0.1", "localhost"]
# No scripts, no requests to other sites.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "form-action 'self'"
)


class Collection(NamedTuple):
    """Images that can be searched.

    Attributes:
        names: List of n strings.
        embeddings: Array, shape `(n, dim)`, rows of norm 1.
        read: Function of an index to a uint8 picture `(height, width, 3)`.
        encode_image: Function of the bytes of an image file to a vector.
        encode_text: Function of a sentence to a vector, or `None`.
    """

    names: Sequence[str]
    embeddings: np.ndarray
    read: Callable
    encode_image: Callable
    encode_text: Callable | None = None


class BadRequest(Exception):
    """An invalid request. The message tells the user how to correct it."""


def import_web(name: str) -> Any:
    """Imports a module of the extra `serve`, or raises an install hint."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "`serve` needs starlette, uvicorn and python-multipart. Install "
            'them with `pip install "keras_contrastive[serve]"`.'
        ) from error


def make_app(collection: Collection, title: str) -> Any:
    """The Starlette application of a collection."""
    applications = import_web("starlette.applications")
    threads = import_web("starlette.concurrency")
    hosts = import_web("starlette.middleware.trustedhost")
    middleware = import_web("starlette.middleware")
    responses = import_web("starlette.responses")
    routing = import_web("starlette.routing")
    import_web("python_multipart")

    def answer(note, vector=None, left_out=None, status=200):
        return responses.HTMLResponse(
            page(collection, title, note, vector, left_out),
            status,
            {"Content-Security-Policy": POLICY},
        )

    # Not `async`, so that Starlette runs the slow model in a thread.
    def search(request):
        try:
            return answer(*parse_query(collection, request.query_params))
        except BadRequest as error:
            return answer(str(error), status=400)

    async def upload(request):
        if int(request.headers.get("content-length", 0)) > LARGEST_UPLOAD:
            return answer(TOO_LARGE, status=413)
        async with request.form(max_files=1, max_fields=1) as form:
            file = form.get("image")
            content = await file.read() if hasattr(file, "read") else b""
        if len(content) > LARGEST_UPLOAD:  # sent without a content length
            return answer(TOO_LARGE, status=413)
        try:
            vector = await threads.run_in_threadpool(
                collection.encode_image, content
            )
        except Exception:  # Pillow raises one of several errors.
            return answer("The file is not a readable image.", status=400)
        return answer("Nearest to the uploaded image", vector)

    return applications.Starlette(
        routes=[
            routing.Route("/", search, methods=["GET"]),
            routing.Route("/", upload, methods=["POST"]),
        ],
        middleware=[
            # Prevents DNS rebinding: a page of another site could read this
            # one under a host name that resolves to this computer.
            middleware.Middleware(
                hosts.TrustedHostMiddleware, allowed_hosts=HOSTS
            )
        ],
    )


def parse_query(collection: Collection, query: Any) -> tuple:
    """The heading, the query vector, and the index of the query image."""
    if "like" in query:
        text = query["like"]
        count = len(collection.names)
        index = int(text) if text.isascii() and text.isdigit() else count
        if index >= count:
            raise BadRequest(f"There is no image {text[:20]} of {count:,}.")
        return (
            f"Nearest to {collection.names[index]}",
            collection.embeddings[index],
            index,
        )
    sentence = " ".join(query.get("q", "").split())
    if "q" not in query:
        return (f"{len(collection.names):,} images. Click one.",)
    if collection.encode_text is None:
        raise BadRequest("This model has no text encoder: train clip or slip.")
    if not any(map(str.isalnum, sentence)) or len(sentence) > LONGEST:
        raise BadRequest(f"Write a sentence of up to {LONGEST:,} characters.")
    return f"“{sentence}”", collection.encode_text(sentence)


def page(
    collection: Collection,
    title: str,
    note: str,
    vector: np.ndarray | None = None,
    left_out: int | None = None,
) -> str:
    """The page of a search, or of evenly spaced images.

    Args:
        collection: The images.
        title: Title of the page.
        note: Heading: the query, or an error.
        vector: Array, shape `(dim,)`, the query.
        left_out: Index of the query image, which is shown first.
    """
    count = len(collection.names)
    if vector is None:
        few = min(SHOWN, count)
        scores = None
        places: np.ndarray = np.arange(few) * count // few
    else:
        scores = collection.embeddings @ normalize_rows(vector[None])[0]
        if left_out is not None:
            scores[left_out] = np.inf
        places = np.argsort(-scores, kind="stable")[:SHOWN]
    shown = []
    for place in places:
        name = collection.names[place]
        is_query = place == left_out
        if scores is not None and not is_query:
            name = f"{scores[place]:.2f} {name}"
        figure = picture(
            Picture(collection.read(place), name, "query" if is_query else "")
        )
        shown.append(f'<a href="/?like={place}">{figure}</a>')
    parts = [
        '<form><input name="q" placeholder="a dog in the snow" '
        'aria-label="sentence"><button>Search</button></form>'
        if collection.encode_text
        else "",
        '<form method="post" enctype="multipart/form-data">'
        '<input type="file" name="image" accept="image/*" aria-label="image">'
        "<button>Find similar images</button></form>",
        section(note, f'<div class="row">{"".join(shown)}</div>'),
    ]
    return html_text(title, "", parts, POLICY)
