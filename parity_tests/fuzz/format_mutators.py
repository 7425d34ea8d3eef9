"""Damage that a format's own check sums and lengths do not give away; MUTATORS says which files get which."""

import functools
import io
import json
import struct
import tarfile
import zipfile
import zlib
from typing import Any

import numpy as np

from parity_tests.fuzz.bytes_mutators import EXTREMES, Mutator, any_bytes, extreme, odd_json


def safetensors(content: bytes, rng: np.random.Generator) -> bytes:
    """Another header: dtypes, shapes, offsets, metadata; or numbers that are none."""
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length], content[8 + length :]
    kind = rng.integers(8)
    if kind == 0:
        return (EXTREMES[rng.integers(len(EXTREMES))]).to_bytes(8, "little") + content[8:]
    if kind == 1:
        at = int(rng.integers(max(1, len(data) // 4))) * 4
        return content[: 8 + length] + data[:at] + struct.pack("<f", rng.choice([np.nan, np.inf])) + data[at + 4 :]
    tree = json.loads(header)
    names = [name for name in tree if name != "__metadata__"]
    if kind == 2:  # as many numbers, of another shape
        entry = tree[names[rng.integers(len(names))]]
        entry["shape"] = (entry["shape"][::-1], [1, *entry["shape"]], [int(np.prod(entry["shape"]))])[rng.integers(3)]
    elif kind == 3:  # another type, and the shape that fits it
        entry = tree[names[rng.integers(len(names))]]
        size = entry["data_offsets"][1] - entry["data_offsets"][0]
        width, entry["dtype"] = ((8, "F64"), (2, "F16"), (2, "BF16"), (1, "U8"), (8, "I64"), (1, "BOOL"))[rng.integers(6)]
        entry["shape"] = [size // width]
    elif kind == 4:  # a huge network, with no numbers for it
        entry = tree[names[rng.integers(len(names))]]
        entry["shape"] = [EXTREMES[rng.integers(len(EXTREMES))], 0]
    elif kind == 5 and isinstance(tree.get("__metadata__"), dict):
        fields = tree["__metadata__"]
        name = list(fields)[rng.integers(len(fields))]
        changed = odd_json(fields[name].encode("utf-8", "surrogatepass"), rng).decode("utf-8", "replace")
        fields[name] = changed
    else:
        return _with_header(odd_json(header, rng), data)
    return _with_header(json.dumps(tree).encode("utf-8", "surrogatepass"), data)


def _with_header(header: bytes, data: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def png(content: bytes, rng: np.random.Generator) -> bytes:
    """A chunk changed, with a check sum that is right: sizes, depths, colours, types."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + length]])
        at += 12 + length
    which = chunks[0] if rng.integers(2) else chunks[rng.integers(len(chunks))]
    kind = rng.integers(5)
    if kind == 0 and which[0] == b"IHDR":
        sides = [int(rng.choice([0, 1, 9999, 100_000, 2**31 - 1, 2**32 - 1])) for _ in range(2)]
        which[1] = struct.pack(">II", *sides) + which[1][8:]
    elif kind == 1:
        which[0] = (b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"eXIf", b"acTL", b"fcTL", b"IEND", b"XXXX")[rng.integers(10)]
    elif kind == 2:
        chunks.insert(int(rng.integers(len(chunks))), list(which))
    elif kind == 3:
        chunks.remove(which)
    elif which[1]:
        which[1] = any_bytes(which[1], rng)
    made = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return content[:8] + b"".join(made)


def jpeg(content: bytes, rng: np.random.Generator) -> bytes:
    """Another size, number of components, or length of a segment."""
    at = content.find((b"\xff\xc0", b"\xff\xc2", b"\xff\xdb", b"\xff\xc4", b"\xff\xda")[rng.integers(5)])
    if at < 0:
        return any_bytes(content, rng)
    offset = at + 2 + int(rng.integers(12))
    word = (b"\xff\xff", b"\0\0", b"\x7f\xff", b"\0\1")[rng.integers(4)]
    return content[:offset] + word + content[offset + 2 :]


@functools.cache
def _zeros(megabytes: int) -> bytes:
    """A bomb: a ``.npy`` of zeros, for an archive that packs them a thousand to one."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (1, megabytes << 20)})
    return header.getvalue() + bytes(megabytes << 20)


def npz(content: bytes, rng: np.random.Generator) -> bytes:
    """An archive whose parts were changed and packed again: headers that lie, parts lost, added, bombs, other methods."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = list(parts)[rng.integers(len(parts))]
    kind = rng.integers(8)
    if kind == 0:
        shape = tuple(EXTREMES[rng.integers(len(EXTREMES))] for _ in range(int(rng.integers(3))))
        header = io.BytesIO()
        descr = ("|u1", "<i8", "<U4", "|O", "<M8[s]", "|V8", "<f8", "<U1000000", "|b1", "|S0")[rng.integers(10)]
        np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": bool(rng.integers(2)), "shape": shape})
        parts[name] = header.getvalue() + parts[name][128:]
    elif kind == 1:
        del parts[name]
    elif kind == 2:
        parts["more.npy"] = parts[name]
    elif kind == 3 and not rng.integers(8):
        parts[name] = _zeros(200)
    elif kind == 4:
        array = (np.array(-1), np.array("x"), np.array([]), np.array([[1, 2]]), np.array(2**40), np.array(0), np.array(1.5))
        buffer = io.BytesIO()
        np.save(buffer, array[rng.integers(len(array))])
        parts[name] = buffer.getvalue()
    else:
        parts[name] = any_bytes(parts[name], rng)
    buffer = io.BytesIO()
    methods = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    method = methods[rng.integers(4)] if max(map(len, parts.values())) < 1 << 20 else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive:
        for key, part in parts.items():
            archive.writestr(key, part)
    packed = buffer.getvalue()
    if kind == 5:  # methods and flags of the directory: encrypted, unknown method, other sizes
        at = packed.find((b"PK\1\2", b"PK\3\4")[rng.integers(2)])
        offset = at + (4 + int(rng.integers(26)))
        packed = packed[:offset] + bytes([int(rng.integers(256))]) + packed[offset + 1 :]
    return packed


def tar(content: bytes, rng: np.random.Generator) -> bytes:
    """A member's header changed, with a check sum that is right: size, type, name, magic."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        offsets = [member.offset for member in archive.getmembers()]
    at = offsets[rng.integers(len(offsets))]
    header = bytearray(content[at : at + 512])
    kind = rng.integers(5)
    if kind == 0:
        octal = ("77777777777", "00000000000", "00000000001", "00000100000", "-0000000001", "x", "\0")[rng.integers(7)]
        header[124:136] = octal.encode().ljust(12, b"\0")
    elif kind == 1:
        header[156:157] = bytes([b"0123456789xgSLKXDMNVA\0"[rng.integers(22)]])
    elif kind == 2:
        header[0:100] = bytes(rng.integers(0, 256, 100, dtype=np.uint8))
    elif kind == 3:
        header[124:136] = b"\x80" + rng.bytes(11)  # a number in base 256
    else:
        header = bytearray(extreme(bytes(header), rng)[:512].ljust(512, b"\0"))
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return content[:at] + bytes(header) + content[at + 512 :]


def protobuf(message: Any, rng: np.random.Generator) -> None:
    """Change one field somewhere in a message."""
    while True:
        fields = message.ListFields()
        if not fields:
            return
        field, value = fields[rng.integers(len(fields))]
        many = hasattr(value, "__len__") and not isinstance(value, str | bytes)
        if many and hasattr(value, "keys"):  # a map
            key = sorted(value)[rng.integers(len(value))]
            if field.message_type.fields_by_name["value"].message_type is None or not rng.integers(6):
                del value[key]
                return
            message = value[key]
        elif field.message_type is not None:
            message = value[rng.integers(len(value))] if many else value
            if not rng.integers(10):
                if many and rng.integers(2):
                    del value[int(rng.integers(len(value)))]
                elif many:
                    value.append(value[rng.integers(len(value))])
                else:
                    message.Clear()
                return
        else:
            _set_scalar(field, message, value, many, rng)
            return


def _set_scalar(field: Any, message: Any, value: Any, many: bool, rng: np.random.Generator) -> None:
    old = value[rng.integers(len(value))] if many else value
    if isinstance(old, str):
        new: Any = (old + "x", "", old[:-1], "\u202e", "a" * 10_000)[rng.integers(5)]
    elif isinstance(old, bytes):
        new = any_bytes(old, rng)
    elif isinstance(old, bool):
        new = not old
    elif isinstance(old, int):
        new = (old + 1, old - 1, 0, -1, 2**31 - 1, 2**62, 10**6, int(rng.integers(64)))[rng.integers(8)]
    else:
        new = (0.0, -old, float("nan"), 1e30)[rng.integers(4)]
    try:
        if many and rng.integers(4) == 0:
            value.append(new) if rng.integers(2) else value.pop()
        elif many:
            value[int(rng.integers(len(value)))] = new
        else:
            setattr(message, field.name, new)
    except (ValueError, TypeError, UnicodeError):  # not a value of this field: an enumeration, a narrow integer
        message.ClearField(field.name)


def onnx_model(content: bytes, rng: np.random.Generator) -> bytes:
    """Fields of the model changed: operators, shapes, types, names."""
    import onnx

    model = onnx.load_model_from_string(content)
    for _ in range(1 + int(rng.integers(3))):
        protobuf(model, rng)
    return model.SerializeToString()


def coreml_model(content: bytes, rng: np.random.Generator) -> bytes:
    """Fields of the package's model changed."""
    from coremltools.proto import Model_pb2

    model = Model_pb2.Model()
    model.ParseFromString(content)
    for _ in range(1 + int(rng.integers(3))):
        protobuf(model, rng)
    return model.SerializeToString()


def litert_model(content: bytes, rng: np.random.Generator) -> bytes:
    """Fields of the flatbuffer changed: shapes, indices of tensors and buffers, operators, types."""
    from export.litert import flatbuffer as litert_flatbuffer

    model = litert_flatbuffer.parse(content)
    for _ in range(1 + int(rng.integers(3))):
        _change_object(model, rng)
    try:
        return litert_flatbuffer.pack(model)
    except Exception:  # the generated code cannot write it
        return any_bytes(content, rng)


def _change_object(node: Any, rng: np.random.Generator) -> None:
    while True:
        fields = {name: value for name, value in vars(node).items() if value is not None}
        if not fields:
            return
        name = list(fields)[rng.integers(len(fields))]
        value = fields[name]
        listed = isinstance(value, list | np.ndarray)
        if listed and len(value) == 0:
            return
        inner = value[rng.integers(len(value))] if listed else value
        if hasattr(inner, "__dict__"):
            if rng.integers(10) == 0:
                setattr(node, name, [*value, inner] if listed and rng.integers(2) else ([] if listed else None))
                return
            node = inner
            continue
        if isinstance(inner, bytes | str):
            setattr(node, name, b"x")
            return
        if isinstance(inner, bool | float):
            return
        new = (0, 1, -1, int(inner) + 1, int(inner) - 1, 10**6, 2**31 - 1, int(rng.integers(64)))[rng.integers(8)]
        if not listed:
            setattr(node, name, new)
        elif isinstance(value, np.ndarray):
            if rng.integers(4) == 0:
                setattr(node, name, value[: int(rng.integers(len(value)))])
                return
            value = value.copy()
            limits = np.iinfo(value.dtype) if np.issubdtype(value.dtype, np.integer) else None
            value[rng.integers(len(value))] = min(max(new, int(limits.min)), int(limits.max)) if limits else new
            setattr(node, name, value)
        else:
            value[int(rng.integers(len(value)))] = new
        return


MUTATORS: dict[str, Mutator] = {
    ".json": odd_json,
    ".safetensors": safetensors,
    ".png": png,
    ".jpg": jpeg,
    ".npz": npz,
    ".tar": tar,
    ".onnx": onnx_model,
    ".mlmodel": coreml_model,
    ".tflite": litert_model,
}
"""Suffix of a file -> what else than ``any_bytes`` is done to it."""


def mutate(suffix: str, content: bytes, rng: np.random.Generator) -> bytes:
    """A damaged copy: in half of the cases as the format would have it, otherwise any bytes."""
    if suffix in MUTATORS and rng.integers(2):
        return MUTATORS[suffix](content, rng)
    return any_bytes(content, rng)
