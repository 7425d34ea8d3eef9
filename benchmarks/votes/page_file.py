"""The page as one file: pictures, style and script are inside, and its policy lets it ask nobody for anything."""

import base64
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.data.photos import find_photos
from models.photo.images import Pixels, read_photo

PARTS = Path(__file__).parent / "page"


def common(folders: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """Files that every folder has, by their path in it without the suffix: photo -> method -> file.

    Args:
        folders: by name of the method.

    Raises:
        ValueError: a folder has no pictures, two of one name, or nothing in common with the others.
    """
    found: dict[str, dict[str, Path]] = {}
    for method, folder in folders.items():
        for path in find_photos(folder):
            name = path.relative_to(folder).with_suffix("").as_posix()
            methods = found.setdefault(name, {})
            if method in methods:
                raise ValueError(f"{folder}: two pictures of the name {name}: {methods[method].name} and {path.name}")
            methods[method] = path
    whole = {name: methods for name, methods in sorted(found.items()) if len(methods) == len(folders)}
    if not whole:
        example = next(iter(found.items()))
        raise ValueError(
            f"no picture is in all of {', '.join(map(str, folders.values()))}; {example[0]} is only in {', '.join(example[1])}"
        )
    return whole


def page(photos: Mapping[str, Mapping[str, Path]], methods: Sequence[str]) -> bytes:
    """The page for pictures of :func:`common`.

    Args:
        photos: photo -> method -> file.
        methods: in the order of the page's data, which a voter does not see.

    Raises:
        ValueError: a file cannot be read, or is of another size than the same photo's others.
    """
    entries = []
    for name, files in tqdm(photos.items(), desc="votes", unit="photo", disable=None):
        images = [read_photo(files[method]).pixels for method in methods]
        for method, image in zip(methods, images, strict=True):
            if image.shape != images[0].shape:
                sizes = " and ".join(f"{one.shape[1]}x{one.shape[0]}" for one in (images[0], image))
                raise ValueError(f"{files[methods[0]]} and {files[method]} are of different sizes: {sizes}")
        entries.append({"name": name, "images": [_data_address(image) for image in images]})
    digest = hashlib.sha256(json.dumps([list(methods), entries]).encode()).hexdigest()
    data = {"page": digest[:16], "methods": list(methods), "photos": entries}
    style, script = ((PARTS / name).read_text(encoding="utf-8") for name in ("votes.css", "votes.js"))
    policy = f"default-src 'none'; img-src data:; script-src {_hash(script)}; style-src {_hash(style)}"
    # A browser ends a script at the first "</", wherever it stands.
    parts = {"policy": policy, "style": style, "data": json.dumps(data).replace("</", "<\\/"), "script": script}
    text = (PARTS / "votes.html").read_text(encoding="utf-8")
    # In one pass: what is put in may itself look like a place.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], text).encode()


def _data_address(image: Pixels) -> str:
    """All as PNG without metadata, whatever they were: the kind of a file must not give a method away."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
