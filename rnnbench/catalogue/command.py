"""``rnnbench cells``: the list of all models, or the page of all equations."""

from __future__ import annotations

import argparse

from rnnbench.errors import UserError
from rnnbench.records.files import write_whole

SIZE = 64  # of input and state, unless given


def cells(args: argparse.Namespace) -> int:
    """Print what ``args`` ask for, or write it to ``args.out``."""
    if args.page:
        if args.format != "terminal":
            raise UserError(f"--page is Markdown: leave out --format {args.format}")
        for name in ("input_size", "hidden_size", "config_dir"):
            if (value := getattr(args, name)) is not None:
                raise UserError(f"--page has the equations of our cells: leave out --{name.replace('_', '-')} {value}")
        from rnnbench.catalogue.page import page

        text = page().rstrip("\n")
    else:
        from rnnbench.catalogue.entries import entries
        from rnnbench.catalogue.formats import print_entries, render

        found = entries(args.input_size or SIZE, args.hidden_size or SIZE, args.config_dir)
        if args.format == "terminal" and args.out is None:
            print_entries(found)
            return 0
        text = render(found, "markdown" if args.format == "terminal" else args.format)
    if args.out is None:
        print(text)
    else:
        write_whole(args.out, text + "\n")
    return 0
