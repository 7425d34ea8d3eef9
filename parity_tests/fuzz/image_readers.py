"""Photos, masks and lists of photos: whole files, and how they are read."""

from pathlib import Path

import numpy as np

IMAGE = np.random.default_rng(5).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def make_photos(folder: Path) -> None:
    from PIL import Image

    image = Image.fromarray(IMAGE)
    for suffix, options in ((".png", {}), (".jpg", {"quality": 90}), (".webp", {}), (".bmp", {}), (".gif", {}), (".ppm", {})):
        image.save(folder / f"photo{suffix}", **options)
    for compression in ("raw", "tiff_lzw", "jpeg", "tiff_deflate", "packbits"):
        image.save(folder / f"{compression}.tif", compression=compression)
    image.convert("P").save(folder / "palette.png", transparency=3)
    image.convert("RGBA").save(folder / "alpha.png")
    image.save(folder / "progressive.jpg", progressive=True, exif=_exif())
    Image.fromarray(IMAGE[:, :, 0].astype(np.uint16) * 257).save(folder / "sixteen.png")


def _exif() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    return exif.tobytes()


def read_photo(path: Path) -> object:
    from models.data.photo_index import photo_size
    from models.photo.images import read_photo

    photo = read_photo(path)
    return photo_size(path), photo


def make_masks(folder: Path) -> None:
    from PIL import Image

    mask = Image.fromarray(np.where(IMAGE[:, :, 0] > 128, 255, 0).astype(np.uint8))
    for name in ("mask.png", "mask.jpg", "mask.webp", "mask.bmp", "mask.tif", "mask.gif"):
        mask.save(folder / name)
    mask.convert("1").save(folder / "one_bit.png")


def read_mask(path: Path) -> object:
    from models.photo.mask import read_mask

    return read_mask(path, IMAGE.shape[:2])


def make_mask_file(folder: Path) -> None:
    from models.data.mask_file import MaskFile

    MaskFile.draw(24, 5, 1).write(folder / "masks.npz")


def read_mask_file(folder: Path) -> object:
    from models.data.mask_file import MaskFile

    return MaskFile.read(folder / "masks.npz").mask(3)


def make_index(folder: Path) -> None:
    from models.data.photo_index import write_index

    write_index(folder / "index.txt", {f"/photos/{i}.jpg": (1000 + i, 10**18, 640, 480) for i in range(20)})


def read_index(folder: Path) -> object:
    from models.data.photo_index import read_index

    return read_index(folder / "index.txt")
