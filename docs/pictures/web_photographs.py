"""Write the photographs behind two tables, of which none is in a data set of ours, so that anyone can repeat them.

    python docs/pictures/web_photographs.py build/web     # needs npm, and the network: 75 MB from the npm registry
    python -m benchmarks fill --data build/web/large --perceptual squeezenet1_1.safetensors
    python -m benchmarks quality --data build/web/portraits --masks build/web/box --detail auto

They lie in packages of web designs, at fixed versions. `large`: every photograph of at least 900 pixels on the short side, cut
square, 1024 x 1024 (docs/fill.md). `portraits`: heads and shoulders, cut square, 256 x 256, and in `box` their mask, a square of
73 % in the middle (docs/evaluation.md). PNG files.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

ARGON, KIT = "argon-design-system-free@1.2.0", "material-kit@2.0.4"
REACT, NOW, PAPER = "material-kit-react@1.10.0", "now-ui-kit@1.3.0", "paper-kit-2@2.1.0"
AGENCY, CASUAL, BLOG = "startbootstrap-agency@7.0.12", "startbootstrap-business-casual@7.0.9", "startbootstrap-clean-blog@6.0.9"
CREATIVE, GRAYSCALE = "startbootstrap-creative@7.0.7", "startbootstrap-grayscale@7.0.6"
LANDING, STYLISH = "startbootstrap-landing-page@6.0.6", "startbootstrap-stylish-portfolio@6.0.6"

LARGE: dict[str, tuple[str, ...]] = {
    ARGON: ("pages/mohamed.jpg", "theme/img-1-1200x1000.jpg", "theme/img-2-1200x1000.jpg"),
    KIT: ("bg2.jpg", "bg7.jpg", "city-profile.jpg", "city.jpg", "profile_city.jpg"),
    REACT: ("bg4.jpg", "bg7.jpg", "landing-bg.jpg", "profile-bg.jpg", "cover.jpeg"),
    NOW: ("bg1.jpg", "bg11.jpg", "bg3.jpg", "bg4.jpg", "bg5.jpg", "bg6.jpg", "bg7.jpg", "bg8.jpg", "header.jpg", "login.jpg"),
    PAPER: (
        "antoine-barres.jpg",
        "bruno-abatti.jpg",
        "daniel-olahh.jpg",
        "fabio-mangione.jpg",
        "federico-beccari.jpg",
        "ilya-yakover.jpg",
        "joshua-stannard.jpg",
        "login-image.jpg",
        "soroush-karimi.jpg",
        "uriel-soberanes.jpg",
    ),
    AGENCY: ("header-bg.jpg",),
    CASUAL: ("bg.jpg", "intro.jpg"),
    BLOG: ("about-bg.jpg", "contact-bg.jpg", "home-bg.jpg", "post-bg.jpg"),
    CREATIVE: ("bg-masthead.jpg",),
    GRAYSCALE: ("bg-masthead.jpg", "bg-signup.jpg"),
    LANDING: ("bg-masthead.jpg",),
    STYLISH: ("bg-callout.jpg", "bg-masthead.jpg"),
}
"""The files by package, each by the end of its path. Drawings, screenshots, gradients and repeated pictures are left out."""

PORTRAITS: dict[str, tuple[str, ...]] = {
    ARGON: (
        "ali-pazani.jpg",
        "atikh.jpg",
        "christian.jpg",
        "fezbot.jpg",
        "michael.jpg",
        "team-1.jpg",
        "team-2.jpg",
        "team-3.jpg",
        "team-4.jpg",
        "team-5.jpg",
    ),
    KIT: (
        "faces/avatar.jpg",
        "faces/camp.jpg",
        "faces/card-profile1-square.jpg",
        "faces/card-profile2-square.jpg",
        "faces/card-profile4-square.jpg",
        "faces/card-profile5-square.jpg",
        "faces/card-profile6-square.jpg",
        "faces/kendall.jpg",
        "faces/marc.jpg",
    ),
    REACT: ("Documentation/assets/img/faces/marc.jpg",),
    NOW: ("avatar.jpg", "eva.jpg", "julie.jpg", "ryan.jpg"),
    PAPER: (
        "faces/ayo-ogunseinde-2.jpg",
        "faces/clem-onojeghuo-2.jpg",
        "faces/clem-onojeghuo-3.jpg",
        "faces/erik-lucatero-2.jpg",
        "faces/joe-gardner-2.jpg",
        "faces/kaci-baum-2.jpg",
    ),
    AGENCY: ("team/1.jpg", "team/2.jpg", "team/3.jpg"),
    LANDING: ("testimonials-1.jpg", "testimonials-3.jpg"),
}

LARGE_SIDE, PORTRAIT_SIDE, FRAME = 1024, 256, 19


def main(folder: Path) -> None:
    """Fetch the packages, write `large`, `portraits` and `box`."""
    with tempfile.TemporaryDirectory() as scratch:
        packages = {package: _unpacked(package, Path(scratch)) for package in LARGE}
        _write(LARGE, packages, folder / "large", LARGE_SIDE)
        _write(PORTRAITS, packages, folder / "portraits", PORTRAIT_SIDE)
    mask = Image.new("L", (PORTRAIT_SIDE, PORTRAIT_SIDE), 0)
    ImageDraw.Draw(mask).rectangle((FRAME, FRAME, PORTRAIT_SIDE - FRAME - 1, PORTRAIT_SIDE - FRAME - 1), fill=255)
    (folder / "box").mkdir(parents=True, exist_ok=True)
    mask.save(folder / "box" / "box.png")
    print(folder)


def _unpacked(package: str, scratch: Path) -> Path:
    """The folder of a package; npm checks what it fetches against the registry's hash, and runs no script of it."""
    place = scratch / package.replace("@", "-")
    place.mkdir()
    subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", package], cwd=place, check=True, stdout=subprocess.DEVNULL)
    (archive,) = place.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    return place


def _write(names: dict[str, tuple[str, ...]], packages: dict[str, Path], folder: Path, side: int) -> None:
    """The largest square in the middle of each file, `side` x `side`, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for package, ends in names.items():
        files = sorted(packages[package].rglob("*.jp*g"))
        for end in ends:
            # Some packages carry a picture twice, as source and as built: the first path in order.
            path = next(file for file in files if file.as_posix().endswith(f"/{end}"))
            with Image.open(path) as photo:
                short = min(photo.size)
                left, top = (photo.width - short) // 2, (photo.height - short) // 2
                square = photo.convert("RGB").crop((left, top, left + short, top + short))
            square.resize((side, side), Image.Resampling.LANCZOS).save(folder / f"{package.split('@')[0]}_{Path(end).stem}.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
