"""The interactive map in Chromium, without a window."""

import shutil

import numpy as np
import pytest

from keras_contrastive.visualization import report_parts
from keras_contrastive.visualization.html_page import html_page

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")
sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.one_backend,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
COUNT = 60
ATTACK = "</script><img src=x onerror='window.attacked=1'>"
NAMES = [f"{i}.png" for i in range(COUNT - 1)] + [f"{ATTACK}.png"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page of images around three centers, in classes of odd names."""
    rng = np.random.default_rng(0)
    labels = np.arange(COUNT) % 3
    embeddings = 3 * np.eye(8)[labels] + rng.normal(0, 0.3, (COUNT, 8))
    pictures = np.full((COUNT, 16, 16, 3), 80 * labels[:, None, None, None])
    content = report_parts.dynamic_map(
        embeddings.astype("float32"),
        labels,
        ["one", "two", ATTACK],
        pictures.astype("uint8"),
        NAMES,
        {"loss": rng.random(COUNT)},
        {
            "sentences": ["a dog", f"a cat {ATTACK}"],
            "found": [[3, 4], [5, 6]],
            "texts": [ATTACK] * COUNT,
        },
    )
    folder = tmp_path_factory.mktemp("page")
    return html_page(folder / "a.html", "Map", ATTACK, [content]).as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(params=[1280, 400])
def page(request, browser, address):
    """The page at both widths; errors and requests fail the test."""
    context = browser.new_context(
        viewport={"width": request.param, "height": 900}
    )
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            message.type == "error" and problems.append(message.text)
        ),
    )
    page.on(
        "request",
        lambda request: (
            request.url.startswith("http") and problems.append(request.url)
        ),
    )
    page.goto(address)
    page.wait_for_selector("#map .nsewdrag")
    yield page
    assert not problems
    assert page.evaluate("window.attacked") is None
    assert page.evaluate(
        "document.documentElement.scrollWidth <= window.innerWidth"
    )
    context.close()


def place_of(page, index):
    """Where an image is in the window."""
    x, y = page.evaluate(
        """index => {
            const map = document.getElementById("map");
            const area = map.querySelector(".nsewdrag").getBoundingClientRect();
            for (const {customdata, x, y} of map.data) {
                const i = customdata.indexOf(index);
                if (i < 0) continue;
                const at = (value, [low, high]) => (value - low) / (high - low);
                return [
                    area.left + area.width * at(x[i], map.layout.xaxis.range),
                    area.bottom - area.height *
                        at(y[i], map.layout.yaxis.range)];
            }
        }""",
        index,
    )
    return x, y


def test_hover_shows_the_image_and_click_its_neighbors(page):
    page.mouse.move(*place_of(page, 59))
    page.wait_for_selector("#map-preview", state="visible")
    preview = page.inner_text("#map-preview")
    assert ATTACK in preview and "class: </script>" in preview
    assert "loss: 0." in preview and "cluster: " in preview
    thumbnail = page.locator("#map-preview .map-thumb").bounding_box()
    assert thumbnail["width"] == thumbnail["height"] > 100
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("#map-panel li")
    assert ATTACK in page.inner_text("#map-panel strong")
    names = page.locator("#map-panel button.image")
    assert names.count() == 1 + 8
    # Its neighbors are of its class.
    for name in names.evaluate_all("all => all.map(each => each.title)")[1:]:
        assert NAMES.index(name) % 3 == 2
    names.nth(1).click()
    assert ATTACK not in page.inner_text("#map-panel strong")


def test_search_and_colors(page):
    page.fill("#map-search", "dog")
    page.press("#map-search", "Enter")
    assert page.inner_text("#map-panel strong") == "Images for “a dog”"
    titles = page.locator("#map-panel button.image")
    assert titles.evaluate_all("all => all.map(each => each.title)") == [
        "3.png",
        "4.png",
    ]
    page.fill("#map-search", "a bird")
    page.press("#map-search", "Enter")
    assert "knows 2 sentences, and none like this" in page.inner_text(
        "#map-panel"
    )
    options = page.locator("#map-color option").all_inner_texts()
    assert options[0] == "class" and set(options) >= {
        "loss",
        "distance to neighbors",
    }
    traces = "document.getElementById('map').data.length"
    assert page.evaluate(traces) == 3 + 1
    page.select_option("#map-color", label="loss")
    assert page.evaluate(traces) == 1 + 1
    assert page.evaluate("map.data[0].marker.color.length") == COUNT
    page.select_option("#map-layout", label="PCA")
    assert page.locator("#map-overlay .map-thumb").count() > 2
    # What was found stays.
    page.uncheck("#map-pictures")
    assert 1 <= page.locator("#map-overlay .map-thumb").count() <= 2


def test_keyboard(page):
    page.focus("#map")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#map-preview")
    page.keyboard.press("Enter")
    assert page.locator("#map-panel li").count() == 9
    width = "map.layout.xaxis.range[1] - map.layout.xaxis.range[0]"
    before = page.evaluate(width)
    page.keyboard.press("+")
    assert page.evaluate(width) == pytest.approx(0.7 * before)
    page.keyboard.press("Escape")
    assert page.locator("#map-panel li").count() == 0
    assert not page.is_visible("#map-preview")


def test_lasso_lists_names_and_the_wheel_zooms_after_a_click(page):
    box = page.locator("#map .nsewdrag").bounding_box()
    left, top = box["x"] + 1, box["y"] + 35
    right, bottom = left + box["width"] - 4, top + box["height"] - 40
    middle = (left + right) / 2, (top + bottom) / 2
    width = "map.layout.xaxis.range[1] - map.layout.xaxis.range[0]"
    before = page.evaluate(width)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(400)
    assert page.evaluate(width) == before
    page.focus("#map")
    page.evaluate("window.scrollTo(0, 0)")
    page.mouse.move(*middle)
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(400)
    assert page.evaluate(width) < before
    page.reload()
    page.wait_for_selector("#map .nsewdrag")
    page.click('[data-attr="dragmode"][data-val="lasso"]')
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=5)
    page.mouse.up()
    page.wait_for_selector("#map-panel textarea")
    names = page.input_value("#map-panel textarea").split("\n")
    assert len(names) > COUNT / 2 and set(names) <= set(NAMES)
    page.click("#map-panel button.copy")
    assert page.inner_text("#map-panel button.copy") == "Copied"
