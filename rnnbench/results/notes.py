"""The sentences under a table: which number counts, what the interval means, what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rnnbench.records.published import METHODS
from rnnbench.records.record import Run
from rnnbench.results.group import PARTS, Grid, draw, unlike
from rnnbench.results.statistics import mean_interval
from rnnbench.results.verdict import MIN_RUNS, TOO_FEW

if TYPE_CHECKING:
    from rnnbench.results.table import Cell, Table

IN_UNITS = ("mse", "mae", "rmse")  # of the dataset's choice; other errors are of original values or without unit
MEASURES = {  # by metric, or by task and metric where tasks differ
    "accuracy": "share of the answers that are right, over all steps or sequences that have one",
    "bleu": "sacrebleu's, of what is written without help, against the lines of the file",
    "bpc": "bits a token, the mean over all tokens; a token is a character where the text is one of these",
    "corr": "Pearson's coefficient of forecast and truth, the mean over the series",
    "mase": "mean absolute error over the mean change within a season in training",
    "mse": "mean squared error",
    "perplexity": "the exponential of the mean negative log-likelihood of a token",
    "rse": "root of the squared errors over those of the mean, all series together",
    "sequences_to_success": "training sequences until the criterion was reached",
    "wer": "labels to replace, to leave out and to put in, over the labels that there are",
    ("classification", "nll"): "nats an answer, the mean over all steps or sequences that have one",
    ("text_classification", "nll"): "nats a text, the mean over all texts",
    ("language_modelling", "nll"): "nats a token, the mean over all tokens",
    ("entities", "f1"): "of whole entities, all kinds together",
    ("polyphonic", "nll"): "nats a frame, the sum over its notes, the mean over all frames",
    ("tagging", "nll"): "nats a word, the mean over all words",
    ("translation", "nll"): "nats a token after the true ones before it, the mean over all tokens",
}
SIMPLE = ("naive", "seasonal naive", "drift")
RULES = {
    "best_valid": "of the weights that were best on validation",
    "last": "of the last weights",
}


def notes(table: Table, grid: Grid, drawn: Collection[str] = (), log: Collection[str] = ()) -> Iterator[str]:
    """What a reader of ``table`` must know, a sentence each.

    Its runs drew the settings ``drawn``; values on the data sets ``log`` are compared by their logarithms.
    """
    runs = [run for members in grid.cells.values() for run in members]
    varied = [len(set(values)) > 1 for values in zip(*(draw(run)[1:] for run in runs))]
    over = " and ".join(["seeds", *(name for name, several in zip(PARTS.values(), varied) if several)])
    yield from _number(table, runs)
    yield from _measures(table, grid)
    mean = f"Mean ± half of the 95 % t interval for the mean over {over} (runs that count / runs asked for)"
    if drawn:
        yield f"{mean}: these are the best of trials that drew {', '.join(drawn)}."
    else:
        yield f"{mean}; it holds for the hyperparameters chosen and does not cover their choice."
    if grid.split_by:
        yield f"Rows were kept apart by what differs between their runs: {', '.join(grid.split_by)}."
    fields = [name.strip() for axis in (grid.rows, grid.cols) for name in axis.name.split(",")]
    if other := [key for key in unlike(grid) if key not in (*drawn, *grid.split_by, *fields)]:
        yield f"Beside the model, rows differ in {', '.join(other)}."
    yield from _units(table, grid)
    yield from _shares(grid)
    yield from _marks(table, [name for name in log if name in {run.job.dataset for run in runs}])
    yield from _missing(runs)
    if any(cell.costs.get("parameters") for cell in table.cells.values()):
        yield "Parameters: of the backbone, without what encodes its input and reads its output."
    if any("no success" in cell.missing for cell in table.cells.values()):
        yield (
            "No success: the criterion was not reached within the limit of sequences; the mean is of the others, "
            "without mark and verdict."
        )
    yield from _methods(table, runs)
    yield from _beaten(table, grid)
    yield from _verdicts(table)
    yield from _repeats(grid)


def _number(table: Table, runs: list[Run]) -> Iterator[str]:
    rules = sorted({run.record["selection"]["rule"] for run in runs if run.record})
    which = " or ".join(RULES.get(rule, f"of the weights chosen by {rule}") for rule in rules)
    if len(rules) > 1:
        which += " (rules differ between runs)"
    if rules:
        yield f"Values on {table.split}, {which}."


def _measures(table: Table, grid: Grid) -> Iterator[str]:
    """What the metrics are, where it does not go without saying."""
    found = {}
    for place, members in grid.cells.items():
        metric = table.cells[place].metric
        tasks = [run.record["task"] for run in members if run.record]
        for key in (metric, *((task, metric) for task in tasks)):
            if key in MEASURES:
                found[f"{metric}: {MEASURES[key]}"] = None
    if found:
        yield "; ".join(found) + "."


def _shares(grid: Grid) -> Iterator[str]:
    """Of how many runs that were trained together the seconds are a share."""
    sizes: dict[str, set[int]] = {}
    for (row, _), members in grid.cells.items():
        known = {run.record["replicas"] for run in members if run.record and "replicas" in run.record}
        sizes.setdefault(row, set()).update(known)
    sizes = {row: known for row, known in sizes.items() if known}
    every = set().union(*sizes.values())
    if every - {1}:
        listed = ", ".join(f"{row} {' or '.join(map(str, sorted(known)))}" for row, known in sizes.items())
        unlike = "; rows with unlike numbers are not to be compared by seconds" if len(every) > 1 else ""
        yield f"Seconds: a run's share where several were trained as one program, here of {listed}{unlike}."


def _units(table: Table, grid: Grid) -> Iterator[str]:
    """In which units the errors of forecasts are."""
    found: dict[str, dict[str, None]] = {}
    for place, members in grid.cells.items():
        job, metric = members[0].job, table.cells[place].metric
        if metric in IN_UNITS and (units := job.hparams.get("dataset.units")):
            found.setdefault(f"{metric} of {units} values", {})[job.dataset] = None
    if found:
        yield "; ".join(f"{what}: {', '.join(names)}" for what, names in found.items()) + "."


def _marks(table: Table, log: Sequence[str]) -> Iterator[str]:
    cells = table.cells.values()
    if any(cell.best for cell in cells):
        line = "row" if table.rows.name == "dataset" else "column"
        scale = f", of logarithms on {', '.join(log)}" if log else ""
        yield (
            f"Marked: the best of its {line} and all not significantly worse on the same data (t tests of all pairs"
            f"{scale}, paired by seed where data and seeds agree, Holm, 5 %). A shared mark is no claim of equality: "
            "models that spread widely can share it where a better mean that spreads little does not."
        )


def _missing(runs: list[Run]) -> Iterator[str]:
    counts = Counter(run.status for run in runs if run.status != "finished")
    if counts:
        listed = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        text = f"Not in the means: {listed}."
        if counts["failed"] or counts["diverged"]:
            text += " Where a run failed or diverged there is no mark and no verdict."
        yield text


def _methods(table: Table, runs: list[Run]) -> Iterator[str]:
    found = {cell.method for cell in table.cells.values()}
    texts = {name: text for name, text in METHODS.items() if name in found}
    for name, key in (("seasonal naive", "dataset.season"), ("AR", "dataset.ar_order")):
        if name in texts:
            used = {f"{run.job.dataset} {run.job.hparams[key]}": None for run in runs if run.job.hparams.get(key)}
            texts[name] += f" ({', '.join(used)})"
    if texts:
        text = "; ".join(f"{name}: {text}" for name, text in texts.items())
        yield f"{text[0].upper()}{text[1:]}."


def _beaten(table: Table, grid: Grid) -> Iterator[str]:
    """Which forecasts are better than the simple ones, for the same windows and horizon."""
    across = grid.rows.name == "dataset"
    lines: dict[str, dict[str, list[str]]] = {}
    for (row, col), members in grid.cells.items():
        cell, records = table.cells[row, col], [run.record for run in members if run.record]
        known = {name for record in records for name in record.get("references", {})}
        if table.split != "test" or not known or not cell.values:
            continue
        line, label = (row, col) if across else (col, row)
        simple = [name for name in SIMPLE if name in known]
        better = all(_better(cell, records, name) for name in simple)
        start = f"{line}: better than {'each of ' * (len(simple) > 1)}{', '.join(simple)}"
        places = lines.setdefault(start, {"": [], "not better": [], "better than AR too": []})
        places["" if better else "not better"].append(label)
        if better and "AR" in known and _better(cell, records, "AR"):
            places["better than AR too"].append(label)
    for start, places in lines.items():
        rest = "".join(f"; {what}: {', '.join(labels)}" for what, labels in places.items() if what and labels)
        yield f"{start}: {', '.join(places['']) or 'none'}{rest}."
    if lines:
        yield (
            "Better: the 95 % interval of the difference from the other forecast on the same test windows (of one "
            "run: the difference) lies on the good side of 0."
        )


def _better(cell: Cell, records: list[dict[str, Any]], name: str) -> bool:
    sign, metric = (-1 if cell.mode == "max" else 1), cell.metric
    found = [(r["metrics"].get("test", {}), r.get("references", {}).get(name, {})) for r in records]
    pairs = [(ours.get(metric), theirs.get(metric)) for ours, theirs in found]
    differences = [sign * (ours - theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    if not differences or not cell.sound:
        return False
    interval = mean_interval(differences)
    return (interval.mean if interval.hi is None else interval.hi) < 0


def _verdicts(table: Table) -> Iterator[str]:
    cells = [cell for cell in table.cells.values() if cell.published]
    if not cells:
        return
    yield (
        "Reproduced: the published value, give or take its rounding, lies in the 95 % interval for the mean of as "
        "many more runs as the paper averaged (1 if it does not say), and half of that interval is at most 5 % of "
        "the value; inconclusive: it is wider."
    )
    scales = {c.published.metric: c.published.scale for c in cells if c.published and c.published.scale != "linear"}
    for metric, scale in sorted(scales.items()):
        kind = "a log scale" if scale == "log" else "the error rate"
        yield f"Verdicts on {metric} are on {kind}."
    if any(cell.verdict and cell.verdict.kind == TOO_FEW for cell in cells):
        yield f"Too few runs: a verdict needs {MIN_RUNS}."
    if untrained := sorted({str(cell.method) for cell in cells if cell.baseline}):
        yield f"No verdict on {', '.join(untrained)}: no runs, no interval."


def _repeats(grid: Grid) -> Iterator[str]:
    """Runs of one seed in one cell differ in something, and are not independent."""
    for (row, col), members in grid.cells.items():
        (seed, *_), times = Counter(draw(run) for run in members).most_common(1)[0]
        if times > 1:
            yield (
                f"{row}, {col}: {times} runs of seed {seed} differ in something that their hyperparameters do not "
                "name; they are averaged all the same."
            )
