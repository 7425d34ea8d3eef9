"""An Android layout file as a page of HTML, to draw the app's screens in a browser.

Order, words, sizes, colours and gaps are those of the files in ``android_demo/app/src/main/res``; how a button or a bar looks is
the browser's imitation of Android's. What this does not know of a layout is refused, so that nothing is left out of a screen.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

RES = Path(__file__).parents[2] / "android_demo" / "app" / "src" / "main" / "res"
_ANDROID = "{http://schemas.android.com/apk/res/android}"

_SIZES = {"Headline": 24, "Subhead": 16, "Body1": 14}
"""Android's text appearances, in sp."""

_READ = ("id", "text", "textAppearance", "style", "visibility", "orientation", "layout_gravity", "background", "max", "progress")
_UNSEEN = (
    "accessibilityLiveRegion",
    "contentDescription",
    "scrollbars",
    "fitsSystemWindows",
    "textIsSelectable",
    "checkedButton",
)
"""Attributes that are read where they matter, and those that cannot be seen; all others are turned into CSS one by one."""


@dataclass
class Look:
    """One state of a screen.

    Attributes:
        words: id -> text that the app's code puts there.
        gone, disabled, checked: ids.
        shown: ids that the layout hides and the app's code shows.
        values: id -> share of a bar, 0 to 1.
        pictures: id -> an address of what a view of the app's own draws.
        night: dark colours.
        scale: of all text, as a person sets it.
    """

    words: dict[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    checked: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    values: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    night: bool = False
    scale: float = 1.0


def strings() -> dict[str, str]:
    """The app's words by name."""
    tree = ElementTree.parse(RES / "values" / "strings.xml")
    return {row.attrib["name"]: (row.text or "").replace("\\n", "\n").replace("\\'", "'") for row in tree.getroot()}


def colours(*, night: bool) -> dict[str, str]:
    """The app's colours by name."""
    result = {}
    for folder in ("values", "values-night")[: 1 + night]:
        tree = ElementTree.parse(RES / folder / "colours.xml")
        result |= {row.attrib["name"]: (row.text or "").strip() for row in tree.getroot()}
    return result


def gradle_version() -> str:
    """The app's version, which stands in Gradle's file."""
    found = re.search(r'versionName = "([^"]+)"', (RES.parents[2] / "build.gradle.kts").read_text())
    assert found is not None
    return found[1]


def filled_in(text: str, *values: object) -> str:
    """A text of the app's with its places (``%1$d``) filled, as Java does it."""
    for number, value in enumerate(values, start=1):
        for kind in ("d", "s", ".1f", ".2f"):
            shown = f"{value:{kind}}" if kind.endswith("f") and isinstance(value, float) else str(value)
            text = text.replace(f"%{number}${kind}", shown)
    return text.replace("%%", "%")


def layout_html(name: str, look: Look) -> str:
    """The body of a page with a layout in some state.

    Raises:
        ValueError: the layout has something that is not known here.
    """
    return _view(ElementTree.parse(RES / "layout" / f"{name}.xml").getroot(), look, strings(), "page")


def dialog(title: str, body: str, buttons: Sequence[str]) -> str:
    """What Android's AlertDialog shows over a screen."""
    below = "".join(f'<div class="Button">{html.escape(name)}</div>' for name in buttons)
    return f'<div class="dialog"><div><h2>{html.escape(title)}</h2>{body}<footer>{below}</footer></div></div>'


def page(body: str, look: Look) -> str:
    """A whole page, as large as a phone's screen."""
    names = colours(night=look.night)
    ground, ink, soft = ("#303030", "#ffffff", "#bdbdbd") if look.night else ("#fafafa", "#212121", "#757575")
    values = {"ground": ground, "ink": ink, "soft": soft, "accent": names["accent"], "scale": f"{look.scale}"}
    variables = "".join(f"--{name}: {value};" for name, value in values.items())
    return f"<!doctype html><meta charset=utf-8><style>:root {{ {variables} }}\n{_STYLE}</style>{body}"


_STYLE = """
* { box-sizing: border-box; margin: 0; min-width: 0; min-height: 0; }
html, body { height: 100%; background: var(--ground); color: var(--ink); overflow: hidden; }
body { font: calc(14px * var(--scale)) Roboto, "DejaVu Sans", sans-serif; position: relative; }
body > .page { height: 100%; }
div { white-space: pre-wrap; }
.LinearLayout, .RadioGroup { display: flex; }
.FrameLayout { display: grid; grid-template: 100% / 100%; }
.FrameLayout > * { grid-area: 1 / 1; }
.ScrollView { overflow: hidden auto; }
.HorizontalScrollView { overflow: auto hidden; scrollbar-width: none; }
.Button { display: flex; align-items: center; justify-content: center; padding: 0 8px; color: var(--accent);
  font-weight: 500; white-space: nowrap; flex: none; }
.off { opacity: .3; }
.CheckBox, .RadioButton { display: flex; align-items: center; gap: 10px; padding: 0 8px; white-space: nowrap; flex: none; }
.CheckBox::before, .RadioButton::before { content: ""; width: 16px; height: 16px; border: 2px solid var(--soft); }
.RadioButton::before { border-radius: 50%; }
.on::before { border-color: var(--accent); background: var(--accent); box-shadow: inset 0 0 0 3px var(--ground); }
.SeekBar { display: flex; align-items: center; padding: 0 16px; }
.SeekBar > i, .ProgressBar > i { flex: 1; height: 3px; position: relative;
  background: linear-gradient(90deg, var(--accent) var(--share), color-mix(in srgb, var(--soft) 45%, transparent) var(--share)); }
.SeekBar > i::after { content: ""; position: absolute; left: calc(var(--share) - 7px); top: -6px; width: 15px; height: 15px;
  border-radius: 50%; background: var(--accent); }
.ProgressBar { display: flex; align-items: center; height: 16px; }
.PhotoView { background: no-repeat center / contain; }
.dialog { position: absolute; inset: 0; background: #0009; display: grid; place-items: center; }
.dialog > div { width: 86%; background: color-mix(in srgb, var(--ground) 92%, var(--ink) 8%); padding: 22px 0 8px; }
.dialog h2 { font-size: calc(20px * var(--scale)); font-weight: 500; padding: 0 24px; }
.dialog footer { display: flex; justify-content: flex-end; gap: 8px; padding: 0 12px; }
.dialog footer > div { min-height: 48px; min-width: 64px; }
"""


def _view(element: ElementTree.Element, look: Look, words: dict[str, str], more: str = "", inside: str = "") -> str:
    kind = element.tag.rsplit(".", 1)[-1]
    given = {name.removeprefix(_ANDROID): value for name, value in element.attrib.items()}
    name = given.get("id", "").rsplit("/", 1)[-1]
    hidden = given.get("visibility") if name not in look.shown else None
    if name in look.gone or hidden == "gone":
        return ""
    css = _css(kind, given, inside) + (["visibility: hidden"] if hidden == "invisible" else [])
    classes = [
        kind,
        *([more] if more else []),
        *(["off"] if name in look.disabled else []),
        *(["on"] if name in look.checked else []),
    ]
    text = look.words.get(name, given.get("text", ""))
    if text.startswith("@string/"):
        text = words[text.removeprefix("@string/")]
    if kind in ("LinearLayout", "RadioGroup", "FrameLayout", "ScrollView", "HorizontalScrollView"):
        content = "".join(_view(child, look, words, inside=kind) for child in element)
    elif kind in ("TextView", "Button", "CheckBox", "RadioButton"):
        content = html.escape(text)
    elif kind in ("SeekBar", "ProgressBar"):
        share = look.values.get(name, float(given.get("progress", 0)) / float(given.get("max", 100)))
        css.append(f"--share: {100 * share:g}%")
        content = "<i></i>"
    elif kind == "PhotoView":
        content = ""
        if name in look.pictures:
            css.append(f"background-image: url({look.pictures[name]})")
    else:
        raise ValueError(f"{element.tag}: a view that is not known here")
    return f'<div class="{" ".join(classes)}" data-id="{name}" style="{html.escape("; ".join(css))}">{content}</div>'


def _css(kind: str, given: dict[str, str], inside: str) -> list[str]:
    """An element's attributes as CSS."""
    css = []
    if kind in ("LinearLayout", "RadioGroup"):
        down = given.get("orientation", "vertical" if kind == "RadioGroup" else "horizontal") == "vertical"
        css.append(f"flex-direction: {'column' if down else 'row'}")
    for name, value in given.items():
        if name in _READ + _UNSEEN:
            continue
        if name in ("layout_width", "layout_height"):
            css += _length("width" if name == "layout_width" else "height", value, inside)
        elif name == "layout_weight":
            css.append(f"flex: {value} 1 0")
        elif name == "gravity":
            css += _gravity(kind, value, given)
        elif name == "padding" or name.startswith("padding"):
            side = {"": "", "Start": "-left", "End": "-right", "Top": "-top", "Bottom": "-bottom"}[name.removeprefix("padding")]
            css.append(f"padding{side}: {_pixels(value)}")
        elif name in ("minHeight", "minWidth"):
            css.append(f"min-{name[3:].lower()}: {_pixels(value)}")
        else:
            raise ValueError(f"{kind}: the attribute {name} is not known here")
    if "layout_gravity" in given:
        css.append({"center": "place-self: center", "bottom": "align-self: end"}[given["layout_gravity"]])
    if appearance := given.get("textAppearance"):
        size = 14 if appearance == "@style/Text" else _SIZES[appearance.rsplit(".", 1)[-1]]
        css.append(f"font-size: calc({size}px * var(--scale))")
    if given.get("style") == "@style/Action":
        style = ElementTree.parse(RES / "values" / "styles.xml").find("style[@name='Action']")
        assert style is not None
        own = {row.attrib["name"].removeprefix("android:"): row.text or "" for row in style}
        css += [f"min-height: {_pixels(own['minHeight'])}", f"min-width: {_pixels(own['minWidth'])}"]
    if "background" in given:
        if given["background"] != "?android:attr/colorBackground":
            raise ValueError(f"{kind}: the background {given['background']} is not known here")
        css.append("background: var(--ground)")
    return css


def _pixels(value: str) -> str:
    if not value.endswith("dp"):
        raise ValueError(f"{value}: a size in dp is expected")
    return f"{value.removesuffix('dp')}px"


def _length(side: str, value: str, inside: str) -> list[str]:
    if value == "wrap_content":
        return ["flex-shrink: 0", *(["width: max-content"] if side == "width" and inside == "HorizontalScrollView" else [])]
    if value == "match_parent":
        return [f"{side}: 100%"]
    return [f"{side}: {_pixels(value)}"]


def _gravity(kind: str, value: str, given: dict[str, str]) -> list[str]:
    if kind == "TextView":
        return {"center": ["text-align: center"]}[value]
    across = {("vertical", "center_horizontal"), ("horizontal", "center_vertical")}
    if (given.get("orientation", "horizontal"), value) not in across:
        raise ValueError(f"{kind}: gravity {value} is not known here")
    return ["align-items: center"]
