"""A report of an evaluation for people, on stdout."""

from collections.abc import Mapping

from models.evaluation.report import CLASSICAL, Report
from models.system import text_table

COLUMNS = {
    # figure                     title           format
    "hole_psnr_db": ("hole PSNR dB", "{:.2f}"),
    "hole_l1_levels": ("hole L1", "{:.2f}"),
    "psnr_db": ("PSNR dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "squeezenet_distance": ("SqueezeNet", "{:.4f}"),
    "vgg16_distance": ("VGG-16", "{:.4f}"),
    "lpips_squeezenet_distance": ("LPIPS Squeeze", "{:.4f}"),
    "lpips_vgg16_distance": ("LPIPS VGG", "{:.4f}"),
    "detail_ratio": ("detail", "{:.3f}"),
    "checkerboard_ratio": ("checkerboard", "{:.3f}"),
    "lattice_4_share_ratio": ("lattice 4", "{:.2f}"),
    "lattice_8_share_ratio": ("lattice 8", "{:.2f}"),
}
"""Columns of the first table; those that were not measured are left out."""


def table(result: Report) -> str:
    """Every method by every figure, then differences, distributions, groups, and what is missing and why."""
    first = next(iter(result.over_best_baseline))
    columns = [key for key in COLUMNS if key in result.methods[first]]
    shown = {name: {COLUMNS[key][0]: COLUMNS[key][1].format(row[key]) for key in columns} for name, row in result.methods.items()}
    lines = [_grid(shown)]
    lines.append(f"{result.images} images; differences of hole PSNR with 95 % intervals:")
    lines += [_gap(name, result.best_baseline, gap) for name, gap in result.over_best_baseline.items()]
    lines += [_gap(name, first, gap) for name, gap in result.over_first_network.items()]
    for name, others in result.distance_to_baselines.items():
        for other in CLASSICAL:
            for key, gap in others[other].items():
                figures = f"{gap['mean']:+.4f}  [{gap['low']:+.4f}, {gap['high']:+.4f}]"
                lines.append(f"  {name} against {other}, {key}: {figures} (less is better)")
    if result.distributions:
        lines += ["", _grid({name: {key: f"{v:.4f}" for key, v in row.items()} for name, row in result.distributions.items()})]
    lines += ["", "hole PSNR dB by group of holes (number of images):"]
    by_group = {
        f"{group} ({int(rows['images']['count'])})": {name: f"{rows[name]['hole_psnr_db']:.2f}" for name in result.methods}
        for group, rows in result.groups.items()
    }
    lines.append(_grid(by_group))
    lines += [f"unavailable: {name}: {reason}" for name, reason in result.unavailable.items()]
    return "\n".join(lines)


def _grid(rows: Mapping[str, Mapping[str, str]]) -> str:
    """Rows of cells under the titles that occur, in the order of their first occurrence."""
    titles = list(dict.fromkeys(title for row in rows.values() for title in row))
    lines = [[name, *(row.get(title, "") for title in titles)] for name, row in rows.items()]
    return text_table.table(["", *titles], lines, right=[False] + [True] * len(titles))


def _gap(name: str, other: str, gap: Mapping[str, float]) -> str:
    return f"  {name} over {other}: {gap['mean_db']:+.2f} dB  [{gap['low_db']:+.2f}, {gap['high_db']:+.2f}]"
