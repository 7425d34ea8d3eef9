"""The app's layouts: what a screen reader says, what a finger can hit, what is seen by night and in large letters.

The pages that docs/pictures/android_screens.py draws are looked at in a browser, which stands in for Android's own widgets.
"""

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
RES = ROOT / "android_demo" / "app" / "src" / "main" / "res"
KOTLIN = "\n".join(path.read_text() for path in (ROOT / "android_demo" / "app" / "src").rglob("*.kt"))
ANDROID = "{http://schemas.android.com/apk/res/android}"
LAYOUTS = sorted((RES / "layout").glob("*.xml"))
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)

TOUCHED = ("Button", "CheckBox", "RadioButton", "SeekBar")
GROUNDS = {False: "#fafafa", True: "#303030"}
"""Backgrounds of Android's Material themes, light and dark."""


@pytest.fixture(scope="module")
def drawing():
    """docs/pictures/android_layouts.py."""
    sys.path.insert(0, str(ROOT / "docs" / "pictures"))
    try:
        import android_layouts

        yield android_layouts
    finally:
        sys.path.remove(str(ROOT / "docs" / "pictures"))


def views():
    """(layout, view, its attributes) of everything that is touched."""
    for path in LAYOUTS:
        for view in ElementTree.parse(path).iter():
            if view.tag in TOUCHED:
                yield path.stem, view.tag, {name.removeprefix(ANDROID): value for name, value in view.attrib.items()}


def set_in_code(name: str, what: str) -> bool:
    """Whether the app's code gives a view its words: ``start.setText``, where ``start`` is found by its id."""
    variables = re.findall(rf"va[lr] (\w+)[^=\n]*= \(?[\w.]*findViewById\(R\.id\.{name}\)", KOTLIN)
    variables += re.findall(rf"val (\w+) get\(\) = findViewById\(R\.id\.{name}\)", KOTLIN)
    return any(re.search(rf"\b{variable}\.(?:{what})", KOTLIN) for variable in variables)


def test_a_screen_reader_has_words_for_everything_that_is_touched():
    count = 0
    for layout, kind, given in views():
        count += 1
        name = given["id"].rsplit("/", 1)[-1]
        if kind == "SeekBar":
            assert "contentDescription" in given or set_in_code(name, "contentDescription = "), (layout, name)
        else:
            assert "text" in given or set_in_code(name, r"setText\(R\.string"), (layout, name)
    assert count > 15
    # The photo's own view is drawn, and says what it shows; what changes by itself is read out.
    assert "view.contentDescription = getString(R.string.photo_described" in KOTLIN
    assert "accessibilityLiveRegion" in (RES / "layout" / "edit.xml").read_text()


def test_everything_that_is_touched_is_48_dp_high():
    styled = ElementTree.parse(RES / "values" / "styles.xml").find("style[@name='Action']/item[@name='android:minHeight']")
    assert styled is not None
    for layout, kind, given in views():
        height = styled.text if given.get("style") == "@style/Action" else given.get("minHeight")
        assert height == "48dp", (layout, kind, given)


def test_every_word_exists_and_is_used():
    names = {row.attrib["name"] for row in ElementTree.parse(RES / "values" / "strings.xml").getroot()}
    written = KOTLIN + "".join(path.read_text() for path in RES.rglob("*.xml"))
    written += (RES.parent / "AndroidManifest.xml").read_text()
    used = set(re.findall(r"(?:R\.string\.|@string/)(\w+)", written))
    assert used == names


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("night", [False, True])
def test_words_of_buttons_are_seen_by_day_and_night(drawing, night):
    """WCAG 2, AA."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast(drawing.colours(night=night)["accent"], GROUNDS[night]) >= 4.5
    theme = "Theme.Material" if night else "Theme.Material.Light"
    assert f"{theme}.NoActionBar" in (RES / ("values-night" if night else "values") / "styles.xml").read_text()


def test_a_layout_that_is_not_understood_is_refused(drawing, monkeypatch, tmp_path):
    """The planted error: an attribute that would be left out of the picture."""
    shutil.copytree(RES, tmp_path / "res")
    place = tmp_path / "res" / "layout" / "widen.xml"
    place.write_text(place.read_text().replace('android:padding="24dp"', 'android:rotation="90"'))
    monkeypatch.setattr(drawing, "RES", tmp_path / "res")
    with pytest.raises(ValueError, match="rotation is not known"):
        drawing.layout_html("widen", drawing.Look())


# ------------------------------------------------------------------------------------------------ looked at in a browser

LOOK = """<script>
addEventListener("load", () => {
  const cut = [];
  for (const view of document.querySelectorAll("[data-id]")) {
    const box = view.getBoundingClientRect(), name = view.dataset.id || view.className;
    const wide = view.scrollWidth > view.clientWidth + 1, row = view.matches(".HorizontalScrollView");
    if (wide) cut.push(row ? "a row scrolls" : `${name} is narrower than what it holds`);
    const inside = view.closest(".HorizontalScrollView, .ScrollView") === null;
    if (inside && (box.right > innerWidth + 1 || box.bottom > innerHeight + 1)) cut.push(`${name} leaves the screen`);
  }
  const photo = document.querySelector("[data-id=photo]").getBoundingClientRect().height;
  parent.document.title = JSON.stringify({ cut, photo });
});
</script>"""


def seen(page: str, width: int, height: int, folder: Path) -> dict:
    """What the browser says of a page in a frame of some size; its own window is never as narrow as a phone's."""
    frame = f'<iframe style="width: {width}px; height: {height}px; border: 0" srcdoc="{html.escape(page + LOOK)}"></iframe>'
    (folder / "page.html").write_text(f"<!doctype html><meta charset=utf-8><title></title>{frame}")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--window-size=1200,1200"]
    command = [BROWSER, *options, "--virtual-time-budget=2000", "--dump-dom", (folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>(.+?)</title>", done.stdout)
    assert found is not None
    return json.loads(html.unescape(found[1]))


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here to look at the layouts with")


def editing(drawing, scale: float):
    """The editor with a photo, at work, with the longest sentence."""
    words = drawing.strings()
    said = {"message": words["memory"], "busy_text": drawing.filled_in(words["progress"], words["widening"], 100)}
    look = drawing.Look(words=said, gone=frozenset(("empty",)), shown=frozenset(("busy",)), scale=scale)
    return drawing.page(drawing.layout_html("edit", look), look)


@needs_browser
@pytest.mark.slow
def test_the_editor_fits_a_phone(drawing, tmp_path):
    """360 dp, as most phones: nothing is cut, no row needs scrolling, and most of the screen is the photo's."""
    found = seen(editing(drawing, 1), 360, 720, tmp_path)
    assert found["cut"] == []
    assert found["photo"] > 450


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "scale"), [(360, 720, 1.3), (320, 640, 2), (720, 340, 1), (720, 340, 1.3)])
def test_large_letters_and_a_screen_on_its_side_cut_nothing(drawing, tmp_path, width, height, scale):
    found = seen(editing(drawing, scale), width, height, tmp_path)
    assert [fault for fault in found["cut"] if fault != "a row scrolls"] == []
    assert found["photo"] > 100


@needs_browser
@pytest.mark.slow
def test_what_is_cut_is_found(drawing, tmp_path):
    """The planted error: a row that does not fit, and does not scroll."""
    page = editing(drawing, 2).replace('class="HorizontalScrollView"', 'class="Plain"')
    assert seen(page.replace("width: max-content", "width: 900px"), 360, 720, tmp_path)["cut"]
