"""``python -m models teacher``: train diffusion teachers, fill with them, make data with them, measure their samplers."""

import argparse

from models.system.errors import Parser
from models.teacher.commands import errors_table, generate, inpaint, train

EXAMPLES = """examples:
  python -m models teacher inpaint photo.jpg mask.png filled.png --sampler repaint --denoiser ddpm-celebahq-256
  python -m models teacher errors --problem field
  python -m models teacher train --kind ddpm --data photos/train --out runs/teacher --max-minutes 120
  python -m models teacher generate --sampler repaint --denoiser DIR --photos photos/train --out shards --count 10000
"""

VERBS = {
    # verb      module with add_arguments(parser) and main(args)   help
    "inpaint": (inpaint, "fill the hole of a photo with a denoiser of your own"),
    "train": (train, "train a denoiser or a few-step generator on your photos"),
    "generate": (generate, "complete many photos, as shards for the student's training"),
    "errors": (errors_table, "measure every sampler against posteriors known in closed form"),
}


def add_arguments(parser: Parser) -> None:
    """One parser for each verb below."""
    parser.epilog = EXAMPLES
    verbs = parser.add_subparsers(dest="teacher_verb", metavar="VERB", required=True)
    for verb, (module, help_text) in VERBS.items():
        verb_parser = verbs.add_parser(verb, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        module.add_arguments(verb_parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb that was asked for."""
    return int(VERBS[args.teacher_verb][0].main(args))
