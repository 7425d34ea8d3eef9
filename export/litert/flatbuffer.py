"""The saved LiteRT file as a table: read, write, metadata, ports.

A ``.tflite`` file is a flatbuffer (schema.fbs of TensorFlow Lite, version 3). Everything here needs the schema only, no
converter and no interpreter, so that a file can be inspected where neither is installed.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.backend import Port
from models.system.foreign import MAX_MODEL_BYTES, read_bytes

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import BufferT, ModelT, OperatorT, SubGraphT, TensorMapT, TensorT

IDENTIFIER = b"TFL3"
METADATA_PREFIX = "wavefill."
_BUFFER_ALIGNMENT = 16
"""``force_align: 16`` of Buffer.data in schema.fbs; kernels may read constants with aligned loads."""


def parse(content: bytes, source: str = "model") -> "ModelT":
    """Unpack a file's bytes.

    Args:
        content: the whole file.
        source: name to put into error messages.

    Raises:
        ValueError: not a LiteRT flatbuffer, or truncated.
    """
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != IDENTIFIER:
        raise ValueError(f"{source}: not a LiteRT file (bytes 4 to 8 are {content[4:8]!r}, not {IDENTIFIER!r})")
    try:
        return schema.ModelT.InitFromPackedBuf(content, 0)
    except Exception as error:  # whatever the generated code meets where an offset is wrong: see models.system.foreign
        raise ValueError(f"{source}: truncated or damaged LiteRT file ({error})") from error


def read(path: Path) -> "ModelT":
    """Read a saved model.

    Raises:
        ValueError: no such file, not a LiteRT flatbuffer, or truncated.
    """
    return parse(read_bytes(path, MAX_MODEL_BYTES), str(path))


def pack(model: "ModelT") -> bytes:
    """Serialise; equal models give equal bytes."""
    import flatbuffers

    class Builder(flatbuffers.Builder):  # flatbuffers is untyped
        """The generated Python code forgets ``force_align``, which the C++ reader may rely on."""

        def StartVector(self, size: int, count: int, alignment: int) -> int:  # noqa: N802
            if size == 1 and count >= _BUFFER_ALIGNMENT:
                alignment = _BUFFER_ALIGNMENT
            return int(super().StartVector(size, count, alignment))

    builder = Builder(sum(_length(buffer) for buffer in model.buffers) + (1 << 16))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _length(buffer: "BufferT") -> int:
    return 0 if buffer.data is None else len(buffer.data)


def graph(model: "ModelT") -> "SubGraphT":
    """The only subgraph.

    Raises:
        ValueError: there are several, which this project never writes.
    """
    if len(model.subgraphs) != 1:
        raise ValueError(f"{len(model.subgraphs)} subgraphs, 1 is allowed")
    return model.subgraphs[0]


# ---------------------------------------------------------------- metadata


def write_metadata(model: "ModelT", entries: Mapping[str, str]) -> None:
    """Add entries to the model's metadata table, one buffer of UTF-8 each, after those that the converter wrote."""
    from ai_edge_litert import schema_py_generated as schema

    model.metadata = list(model.metadata or [])
    for name in sorted(entries):
        model.metadata.append(schema.MetadataT(name=name, buffer=len(model.buffers)))
        model.buffers.append(schema.BufferT(data=np.frombuffer(entries[name].encode(), np.uint8)))


def require_runtime(model: "ModelT", version: str) -> None:
    """State the oldest TensorFlow Lite that has the file's operators, after a change of them: ``2.7.0``."""
    (entry,) = (entry for entry in model.metadata if text(entry.name) == "min_runtime_version")
    padded = version.encode().ljust(16, b"\0")  # as the converter writes it
    model.buffers[entry.buffer].data = np.frombuffer(padded, np.uint8)


def read_metadata(model: "ModelT") -> dict[str, str]:
    """All text entries of the metadata table, the converter's ``min_runtime_version`` among them."""
    entries = {}
    for entry in model.metadata or []:
        data = model.buffers[entry.buffer].data
        entries[text(entry.name)] = bytes(data).rstrip(b"\0").decode() if data is not None else ""
    return entries


# ---------------------------------------------------------------- operators and tensors


def operator_name(model: "ModelT", operator: "OperatorT") -> str:
    """Name of an operator's type, as schema.fbs spells it: ``CONV_2D``."""
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    # Types below 127 are in the old one-byte field, later ones in the new field; the larger is the one that counts.
    return _names(schema.BuiltinOperator)[max(code.builtinCode, code.deprecatedBuiltinCode)]


def tensor_type(tensor: "TensorT") -> str:
    """Element type in lower case: ``uint8``, ``float32``, ``int8``."""
    from ai_edge_litert import schema_py_generated as schema

    return _names(schema.TensorType)[tensor.type].lower()


def text(name: bytes | str) -> str:
    """A name as the generated code gives it, as text."""
    return name.decode() if isinstance(name, bytes) else name


def shape(tensor: "TensorT") -> tuple[int, ...]:
    """Shape as plain integers; () for a scalar."""
    return () if tensor.shape is None else tuple(int(n) for n in tensor.shape)


def is_constant(model: "ModelT", tensor: "TensorT") -> bool:
    """Whether the file holds the tensor's values."""
    return _length(model.buffers[tensor.buffer]) > 0


def ports(model: "ModelT") -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Inputs and outputs under the names of the signature, in the order of the graph (the signature sorts them by name).

    Raises:
        ValueError: the file has no signature, or more than one.
    """
    signatures = model.signatureDefs or []
    if len(signatures) != 1:
        raise ValueError(f"{len(signatures)} signatures, 1 is needed")
    subgraph = graph(model)

    def listed(entries: "list[TensorMapT]", order: list[int]) -> tuple[Port, ...]:
        names = {entry.tensorIndex: text(entry.name) for entry in entries}
        return tuple(Port(names[i], shape(subgraph.tensors[i]), tensor_type(subgraph.tensors[i])) for i in order)

    return listed(signatures[0].inputs, subgraph.inputs), listed(signatures[0].outputs, subgraph.outputs)


@functools.cache
def _names(table: type) -> dict[int, str]:
    return {value: name for name, value in vars(table).items() if not name.startswith("_")}
