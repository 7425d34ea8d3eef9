"""What a model file must declare about itself, written down here without asking the converters."""

from collections import Counter
from collections.abc import Collection, Mapping

from export.artifact.manifest import PortEntry, Signature
from export.backend import Coverage, Inspection, Port
from models.conventions import LAYOUTS
from models.spec import ModelSpec
from quantize.coverage import expected_counts
from quantize.kept import plan, spec_items
from quantize.schemes import SCHEMES

PORTS = {
    "uint8": ({"image": 3, "mask": 1}, {"result": 3}),
    "float": ({"normalised": 3, "hole": 1}, {"fill": 3}),
}
"""Names in order and channels of inputs and outputs, for each ``--io``."""

COLOURS = {3: "rgb", 1: "grayscale"}
"""Core ML's ImageType of a port with so many channels."""


def signature(inspection: Inspection) -> Signature:
    """The ports of an inspection as a manifest holds them."""
    return Signature(
        *(tuple(PortEntry(p.name, tuple(p.shape), p.dtype) for p in ports) for ports in (inspection.inputs, inspection.outputs))
    )


def faults(
    inspection: Inspection,
    size: int,
    io: str,
    metadata: Mapping[str, str],
    spec: ModelSpec,
    float_layers: Collection[str] = (),
) -> list[str]:
    """What in a saved file is not as the public signature and the program say; one line each, empty when all is well.

    Args:
        inspection: of the saved file.
        size: height and width that it must have.
        io: ``uint8`` or ``float``.
        metadata: what its own metadata must hold.
        spec: the network, which says how many operators of a calibrated scheme's file must be integer.
        float_layers: those that its table keeps in float.
    """
    found = []
    for kind, ports, wanted in zip(("inputs", "outputs"), (inspection.inputs, inspection.outputs), PORTS[io], strict=True):
        names = [port.name for port in ports]
        if names != list(wanted):
            found.append(f"{kind} are {', '.join(names)}, not {', '.join(wanted)}")
            continue
        found += [
            f"{_describe(port)}: not {wanted[port.name]} x {size} x {size} {io}"
            for port in ports
            if not _fits(port, wanted[port.name], size, io)
        ]
    if dict(inspection.metadata) != dict(metadata):
        keys = sorted(
            key for key in inspection.metadata.keys() | metadata.keys() if inspection.metadata.get(key) != metadata.get(key)
        )
        found.append(f"metadata differs in {', '.join(keys)}")
    if inspection.metadata.get("wavefill.layout") not in LAYOUTS:
        found.append(f"layout {inspection.metadata.get('wavefill.layout')!r} is none of {', '.join(LAYOUTS)}")
    if inspection.macs <= 0:
        found.append("no multiply-accumulates counted")
    scheme = SCHEMES.get(metadata.get("wavefill.scheme", ""))
    if scheme is not None and scheme.calibrated:
        floating = plan(spec_items(spec), float_layers).floating if float_layers else Counter[str]()
        found += _coverage_faults(inspection.coverage, spec, floating)
    elif scheme is not None and scheme.quantised:
        learned = expected_counts(spec)["conv"]
        if inspection.byte_weights != learned:
            found.append(f"{inspection.byte_weights} convolutions have weights of 8 bits, {spec.name} has {learned}")
    return found


def _coverage_faults(coverage: Mapping[str, Coverage] | None, spec: ModelSpec, allowed: Mapping[str, int]) -> list[str]:
    """Float operators between integer ones, and operators that are missing because the integers begin too late or end early."""
    if not coverage:
        return ["nothing between stem and head is integer"]
    # Fewer than allowed is well: those before the first integer and behind the last are not between them.
    floating = [
        f"{kind}: {count.floating} between stem and head in float" + (f", {allowed[kind]} allowed" if allowed.get(kind) else "")
        for kind, count in coverage.items()
        if count.floating > allowed.get(kind, 0)
    ]
    expected = expected_counts(spec, allowed)
    del expected["relu"]  # part of its convolution in every file
    integer = {kind: coverage[kind].integer if kind in coverage else 0 for kind in expected}
    # LiteRT's converter moves the DEQUANTIZE behind the first resize of the Haar synthesis: one more is no fault.
    integer["resize"] = min(integer["resize"], expected["resize"])
    return floating + [
        f"{kind}: {integer[kind]} integer between stem and head, {spec.name} has {number}"
        for kind, number in expected.items()
        if integer[kind] != number
    ]


def _fits(port: Port, channels: int, size: int, io: str) -> bool:
    nhwc, nchw = (1, size, size, channels), (1, channels, size, size)
    if io == "float":
        return port.dtype in ("float32", "float16") and port.shape == nchw
    if port.dtype == COLOURS[channels]:
        return sorted(port.shape)[-2:] == [size, size]
    return port.dtype == "uint8" and port.shape == nhwc


def _describe(port: Port) -> str:
    return f"{port.name} is {port.dtype} {port.shape}"
