"""``rnnbench cells``: the list of all models, or the page of all equations."""

from __future__ import annotations

import argparse

from rnnbench.errors import UserError

SIZE = 64  # of input and state, unless given


def cells(args: argparse.Namespace) -> str | None:
    """What ``args`` ask for; None where it has been printed in colours."""
    if args.page:
        if args.format != "terminal":
            raise UserError(f"--page is Markdown: leave out --format {args.format}")
        for name in ("input_size", "hidden_size", "config_dir"):
            if (value := getattr(args, name)) is not None:
                raise UserError(f"--page has the equations of our cells: leave out --{name.replace('_', '-')} {value}")
        from rnnbench.catalogue.page import page

        return page().rstrip("\n")
    from rnnbench.catalogue.entries import entries
    from rnnbench.catalogue.formats import print_entries, render

    found = entries(args.input_size or SIZE, args.hidden_size or SIZE, args.config_dir)
    if args.format == "terminal" and args.out is None:
        print_entries(found)
        return None
    return render(found, "markdown" if args.format == "terminal" else args.format)
