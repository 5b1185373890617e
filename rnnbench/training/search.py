"""``rnnbench search``: Optuna draws configurations, each trial is an ordinary run.

The study lies in a journal on disk, so that the same command goes on where it was cut off: no trial is drawn twice,
and one that was under way is continued from its checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.errors import UserError
from rnnbench.records.files import alone
from rnnbench.records.store import RunBusy, RunDirectory
from rnnbench.records.sweep import tensorboard
from rnnbench.training.callbacks import Interrupted, StopFlag
from rnnbench.training.check import Problems
from rnnbench.training.command import FAILED, INTERRUPTED, Outcome, list_jobs, refuse_idle
from rnnbench.training.compose import Composer, any_budget
from rnnbench.training.plan import Plan, make_plan
from rnnbench.training.run import run
from rnnbench.training.search_space import Space, read_space, text
from rnnbench.training.sweep import check_data, open_sweep

SEARCHES = "searches"


class Pruned(Interrupted):
    """The trial is not worth going on with; its state is saved, as that of any run that is stopped."""


class Watch(StopFlag):
    """A stop flag that tells a trial its validation values, and stops it when the pruner says so."""

    trial: Any = None
    told: frozenset[int] = frozenset()
    sign = 1.0

    def seen(self, epoch: int, value: float) -> None:
        """Raises :class:`Pruned`."""
        if self.trial is None or epoch in self.told:
            return
        self.trial.report(self.sign * value if math.isfinite(value) else math.inf, epoch)
        if self.trial.should_prune():
            raise Pruned(f"pruned after {epoch} epochs")


@dataclass(frozen=True)
class Options:
    """Of a search: ``sampler`` and ``prune`` make it another one."""

    trials: int
    sampler: str
    prune: bool
    config_dir: Path | None


def main(arguments: Sequence[str], parser: argparse.ArgumentParser) -> Outcome:
    """Run ``rnnbench search arguments``; exit codes are those of ``train``."""
    try:
        import optuna
    except ImportError as error:
        raise UserError("search: needs Optuna; run `pip install 'rnnbench[search]'`") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    args = parser.parse_intermixed_args(list(arguments))
    refuse_idle(args.overrides, launches=False)
    options = Options(args.trials, args.sampler, args.prune, args.config_dir)
    composer = Composer(options.config_dir)
    space = read_space(composer, [any_budget(override) for override in args.overrides])
    search = Search(composer, space, options, ["rnnbench", "search", *arguments])
    if search.corners[0].config["dry_run"]:
        print("trials at the ends of the space:")
        return Outcome(list_jobs(search.corners))
    check_data(search.corners)
    return search.run()


class Search:
    """A study and its trials."""

    def __init__(self, composer: Composer, space: Space, options: Options, command: list[str]):
        self.composer, self.space, self.options, self.command = composer, space, options, command
        self.corners = self._checked()
        first = self.corners[0]
        self.metric = first.task.primary
        self.sign = 1.0 if first.task.modes[self.metric] == "min" else -1.0
        self.folder = Path(first.config["paths"]["runs_dir"]) / SEARCHES / self._name(first)
        self.plans: dict[int, Plan] = {}

    def _checked(self) -> list[Plan]:
        """Plans of the corners of the space. Raises ``Problems`` with every mistake of all of them."""
        plans, lines = [], {}
        for values in self.space.corners():
            try:
                plans.append(self._plan(values))
            except UserError as error:
                lines |= dict.fromkeys(error.lines if isinstance(error, Problems) else [str(error)])
        if lines:
            raise Problems(list(lines))
        return plans

    def _plan(self, values: dict[str, Any]) -> Plan:
        overrides = self.space.overrides(values)
        return make_plan(self.composer.one(overrides), overrides)

    def _name(self, plan: Plan) -> str:
        # The ends of the space say what is held fixed, wherever it comes from: a line, a file, a --config-dir.
        told = [sorted(corner.job.identity for corner in self.corners), self.options.sampler, self.options.prune]
        told.append([f"{key}={drawn}" for key, drawn in sorted(self.space.drawn.items())])
        digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        return f"{plan.job.dataset}-{plan.job.model}-{digest[:8]}"

    def _study(self) -> Any:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self.folder.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(self.folder / "journal.log")))
        pruner = optuna.pruners.MedianPruner(n_startup_trials=4) if self.options.prune else optuna.pruners.NopPruner()
        return optuna.create_study(study_name="search", storage=storage, load_if_exists=True, pruner=pruner)

    def _sampler(self, drawn: int) -> Any:
        """Its seed is the number of trials so far: with a fixed one, a study taken up again would repeat itself."""
        from optuna.samplers import RandomSampler, TPESampler

        return RandomSampler(seed=drawn) if self.options.sampler == "random" else TPESampler(seed=drawn)

    def run(self) -> Outcome:
        """Run trials until there are as many as asked for, and show what came out."""
        study = self._study()
        stopped = False
        try:
            with Watch().listening() as stop:
                assert isinstance(stop, Watch)
                while (trial := self._next(study)) is not None:
                    self._trial(study, trial, stop)
        except (Interrupted, KeyboardInterrupt):
            stopped = True
        failed = self._show(study)
        if stopped:
            print("interrupted; the same command goes on from there")
        return Outcome(INTERRUPTED if stopped else FAILED if failed else 0)

    def _next(self, study: Any) -> Any:
        """A trial that was cut off, else a new one; None when there are enough."""
        with alone(self.folder / "journal.log"):  # whatever is half drawn in here was cut off
            return self._draw(study)

    def _draw(self, study: Any) -> Any:
        import optuna
        from optuna.trial import TrialState

        for old in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            if set(old.params) == set(self.space.drawn):
                if old.number not in self.plans:
                    return optuna.trial.Trial(study, old._trial_id)
            else:
                study.tell(old.number, state=TrialState.FAIL)
        drawn = len(study.get_trials(deepcopy=False))
        if drawn >= self.options.trials:
            return None
        study.sampler = self._sampler(drawn)
        return study.ask(dict(self.space.drawn))

    def _trial(self, study: Any, trial: Any, stop: Watch) -> None:
        from optuna.trial import TrialState

        try:
            plan = self.plans[trial.number] = self._plan(trial.params)
        except UserError as error:  # inside the space, where no corner shows it; left open it would end every launch
            study.tell(trial, state=TrialState.FAIL)
            self._say(trial, f"failed: {' '.join(str(error).split())}")
            return
        stop.trial = trial if self.options.prune else None
        stop.told = frozenset(study.trials[trial.number].intermediate_values)
        stop.sign = self.sign
        try:
            _, record = run(plan, stop)
        except Pruned as pruned:
            study.tell(trial, state=TrialState.PRUNED)
            self._say(trial, str(pruned))
        except RunBusy:
            self._say(trial, "another process trains it")
        else:
            if record is None:
                study.tell(trial, state=TrialState.FAIL)
                self._say(trial, f"failed: {(RunDirectory(plan.path).failure() or {}).get('error')}")
            else:
                value = record["metrics"].get("valid", {}).get(self.metric)
                study.tell(trial, math.inf if value is None else self.sign * value)
                shown = "diverged" if value is None else f"valid {self.metric} {value:.4g}"
                self._say(trial, f"{shown:<22} {record['seconds']:7.1f} s")

    def _say(self, trial: Any, what: str) -> None:
        width = len(str(self.options.trials))
        values = " ".join(f"{key}={text(trial.params[key])}" for key in self.space.drawn)
        print(f"[{trial.number + 1:>{width}}/{self.options.trials}] {values}  {what}", flush=True)

    def _show(self, study: Any) -> bool:
        """Print what came out, and make a sweep of the trials that have a record; whether a trial failed."""
        from optuna.trial import TrialState

        ended = [t for t in study.trials if t.state is TrialState.COMPLETE]
        done = [t for t in ended if math.isfinite(t.value)]
        states = {s.name.lower(): n for s in TrialState if (n := sum(t.state is s for t in study.trials))}
        print("\ntrials:      " + ", ".join(f"{n} {name}" for name, n in states.items()))
        if done:
            best = min(done, key=lambda t: t.value)
            folder = ["--config-dir", str(self.options.config_dir)] if self.options.config_dir else []
            words = shlex.join([*folder, *self.space.overrides(best.params)])
            print(f"best:        valid {self.metric} {self.sign * best.value:.4g} by trial {best.number + 1}")
            print(f"again:       rnnbench train {words}")
        if ended:
            plans = [self.plans.get(t.number) or self._plan(t.params) for t in ended]
            sweep = open_sweep(plans, self.command).path
            print(f"sweep:       {sweep}\ntensorboard: {tensorboard(sweep)}")
        return "fail" in states
