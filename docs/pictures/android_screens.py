"""Makes docs/pictures/android.webp: the app's screens, drawn from its layout files by a browser (Chromium).

    python docs/pictures/android_screens.py artifacts/wavefill-s-256-onnx-w8a8

These are not screenshots of Android: no program that runs without it draws its widgets. Layouts, words, sizes and colours are
read from the app (``android_layouts.py``); the fills are the artefact's, which the app's own code makes likewise.
The photograph is ``coffee`` (Rachel Michetti, CC0), as scikit-image's documentation states it.
"""

import base64
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from android_layouts import Look, colours, dialog, filled_in, gradle_version, layout_html, page, strings
from numpy.typing import NDArray
from PIL import Image

import export
from export.artifact.manifest import read_manifest
from models.fill.outpaint import Margins, outpaint

OUT = Path(__file__).with_name("android.webp")
WIDTH, HEIGHT = 360, 720
"""A phone's screen in dp."""

ACROSS, GAP = 5, 12
PAINT_ALPHA = 140 / 255
"""Of PhotoView.kt."""

Pixels = NDArray[np.uint8]


def browser() -> str | None:
    """Chromium, where it is."""
    return next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


def screens(artifact: Path) -> dict[str, str]:
    """Name of each screen -> its page."""
    words, run, manifest = strings(), export.load(artifact), read_manifest(artifact)
    photo = np.ascontiguousarray(skimage.data.coffee())
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]]
    hole = ((rows - 282) / 48) ** 2 + ((columns - 366) / 46) ** 2 < 1  # the spoon
    hole |= ((rows - 228) / 50) ** 2 + ((columns - 384) / 14) ** 2 < 1
    paint = [int(colours(night=False)["paint"][at : at + 2], 16) for at in (1, 3, 5)]
    painted = np.where(hole[..., None], (1 - PAINT_ALPHA) * photo + PAINT_ALPHA * np.array(paint), photo).astype(np.uint8)
    filled = run.fill(photo, np.where(hole, 255, 0).astype(np.uint8))
    margins = Margins(left=photo.shape[1] // 5)
    wide = outpaint(filled, margins, lambda image, mask: run(image=image, mask=mask), run.size)
    size = filled_in(words["photo_opened"], photo.shape[1], photo.shape[0])
    licence = manifest.metadata["wavefill.licence"]
    about = (gradle_version(), artifact.name, manifest.size, manifest.checkpoint_sha256[:12], licence)

    def edit(picture: Pixels, said: str, **more: object) -> Look:
        usual = {"gone": frozenset(("empty",)), "disabled": frozenset(("redo",))}
        return Look(words={"message": said}, pictures={"photo": address(picture)}, **{**usual, **more})  # type: ignore[arg-type]

    empty = Look(gone=frozenset(("tools",)))
    done = edit(filled, words["filled"])
    busy = edit(filled, "", shown=frozenset(("busy",)), values={"busy_bar": 0.5}, night=True)
    busy.words["busy_text"] = filled_in(words["progress"], words["widening"], 50)
    busy.disabled = frozenset(("fill", "undo", "redo", "widen", "save", "share"))
    asked = Look(words={"by": filled_in(words["widen_by"], 20)}, checked=frozenset(("left",)))
    # While it computes: what a phone answers, only a phone can say.
    parity = Look(words={"title": words["parity"], "text": words["parity_text"]}, shown=frozenset(("bar",)), values={"bar": 0.4})
    told = Look(words={"title": words["about"], "text": filled_in(words["about_text"], *about), "first": words["licences"]})
    told.shown = frozenset(("first",))
    measure = Look(words={"title": words["benchmark"], "text": words["benchmark_text"], "first": words["start"]})
    measure.shown = frozenset(("first",))
    widen = dialog(words["widen_title"], layout_html("widen", asked), [words["cancel"], words["widen"]])
    large = edit(painted, size, scale=1.6)
    return {
        "empty": page(layout_html("edit", empty), empty),
        "painted": page(layout_html("edit", edit(painted, size)), edit(painted, size)),
        "filled": page(layout_html("edit", done), done),
        "widen": page(layout_html("edit", done) + widen, done),
        "working": page(layout_html("edit", busy), busy),
        "widened": page(layout_html("edit", edit(wide, "")), edit(wide, "")),
        "parity": page(layout_html("page", parity), parity),
        "benchmark": page(layout_html("page", measure), measure),
        "large letters": page(layout_html("edit", large), large),
        "about": page(layout_html("page", told), told),
    }


def address(picture: Pixels) -> str:
    """A picture as an address that holds it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def drawn(pages: dict[str, str]) -> list[Image.Image]:
    """Each page on a phone's screen, in one window of the browser."""
    program = browser()
    if program is None:
        sys.exit("no Chromium here to draw with")
    frame = f"width: {WIDTH}px; height: {HEIGHT}px; border: 0; display: block; float: left"
    frames = "".join(
        f'<iframe style="{frame}" srcdoc="{text.replace("&", "&amp;").replace(chr(34), "&quot;")}"></iframe>'
        for text in pages.values()
    )
    with tempfile.TemporaryDirectory() as folder:
        whole, picture = Path(folder) / "all.html", Path(folder) / "all.png"
        whole.write_text(f"<!doctype html><meta charset=utf-8><body style='margin: 0'>{frames}")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        window = f"--window-size={WIDTH * len(pages)},{HEIGHT}"
        command = [program, *options, window, "--virtual-time-budget=3000", f"--screenshot={picture}", whole.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        strip = Image.open(picture).convert("RGB")
    return [strip.crop((WIDTH * at, 0, WIDTH * (at + 1), HEIGHT)) for at in range(len(pages))]


def main(artifact: Path) -> None:
    """Write the sheet."""
    shots = drawn(screens(artifact))
    lines = -(-len(shots) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * (WIDTH + GAP) - GAP, lines * (HEIGHT + GAP) - GAP), (120, 120, 120))
    for index, shot in enumerate(shots):
        sheet.paste(shot, (index % ACROSS * (WIDTH + GAP), index // ACROSS * (HEIGHT + GAP)))
    sheet.save(OUT, quality=80, method=6)
    print(f"{OUT}  {OUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
