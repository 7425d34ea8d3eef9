"""How much memory a process may still take here: the system's word, and a container's limit if there is one."""

import os
from pathlib import Path

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Memory that can be taken without swapping.

    Linux: ``MemAvailable`` of /proc/meminfo, or what a container's limit leaves if that is less (cgroup v2 ``memory.max`` and
    v1 ``memory.limit_in_bytes``; pages that only cache files count as free). Elsewhere: half of the physical memory, because
    the standard library does not know more.
    """
    free = _mem_available()
    if free is None:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return min([free, *_container_leaves()])


def _mem_available() -> int | None:
    meminfo = PROC / "meminfo"
    if not meminfo.exists():
        return None
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _container_leaves() -> list[int]:
    """What the limit of this process's control group leaves; empty without a limit."""
    leaves = []
    for folder, limit_name, usage_name, cached_name in (
        *((folder, "memory.max", "memory.current", "inactive_file") for folder in _group_folders("", "")),
        *(
            (folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            for folder in _group_folders("memory", "memory")
        ),
    ):
        try:
            limit, used = ((folder / name).read_text(encoding="ascii").strip() for name in (limit_name, usage_name))
            cached = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        except FileNotFoundError:
            continue  # the root group has no limit, and its files are not there
        if limit != "max":
            leaves.append(max(0, int(limit) - int(used) + int(cached.get(cached_name, 0))))
    return leaves


def _group_folders(controller: str, folder: str) -> list[Path]:
    """The folders of this process's group: as the host names it, and as a container with its own namespace sees it."""
    listing = PROC / "self" / "cgroup"
    if not listing.exists():
        return []
    for line in listing.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return [CGROUP / folder / path.lstrip("/"), CGROUP / folder]
    return []
