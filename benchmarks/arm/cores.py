"""CORES: the ARM processors that are emulated. One row each.

The runtimes choose their kernels by what a processor can do. They ask Linux (`getauxval`, which the emulator answers itself) and
read /proc/cpuinfo (which QEMU 7.2 passes through from this host, so that a row says what must stand there; one that promises more
than its core has ends in SIGILL).
"""

from dataclasses import dataclass

_ARMV8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
_ARMV82 = f"{_ARMV8} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"


@dataclass(frozen=True)
class Core:
    """One processor.

    Attributes:
        name: key in ``CORES``.
        emulated: value of the emulator's ``-cpu``.
        part: number of the design in /proc/cpuinfo, by which libraries name it.
        features: of /proc/cpuinfo, as Linux writes them.
        half: whether it has arithmetic in fp16; without, runtimes compute such files in fp32.
        stands_for: phones, in words.
    """

    name: str
    emulated: str
    part: int
    features: str
    half: bool
    stands_for: str

    def cpuinfo(self) -> str:
        """Text of /proc/cpuinfo with one processor."""
        fields = {
            "processor": "0",
            "BogoMIPS": "100.00",
            "Features": self.features,
            "CPU implementer": "0x41",  # ARM Limited
            "CPU architecture": "8",
            "CPU variant": "0x0",
            "CPU part": f"{self.part:#x}",
            "CPU revision": "0",
        }
        return "".join(f"{name}\t: {value}\n" for name, value in fields.items()) + "\n"


CORES: dict[str, Core] = {
    core.name: core
    for core in (
        Core("cortex-a53", "cortex-a53", 0xD03, _ARMV8, False, "8-bit products by widening only: small cores up to 2020"),
        Core("cortex-a76", "cortex-a76", 0xD0B, _ARMV82, True, "dot product and fp16 arithmetic: large cores since 2018"),
        # Without SME, which few phones have: LiteRT 2.3.0 fills w8a8 holes with noise there. Whether QEMU 7.2 or the library is
        # wrong is not known. And with the A76's number: with one of ARMv9 designs NumPy's OpenBLAS crashes under QEMU 7.2.
        Core("max", "max,sme=off", 0xD0B, f"{_ARMV82} dcpodp sve sve2 i8mm bf16", True, "8-bit matrix products, too: since 2021"),
    )
}
