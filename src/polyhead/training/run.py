"""One run from settings to saved bundles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict
from typing import Any

from polyhead.batching import Step
from polyhead.bundle import Bundle
from polyhead.errors import NonFiniteError, TrainingStoppedError
from polyhead.model.freezing import free_layers
from polyhead.notices import Notices
from polyhead.settings import RunSettings
from polyhead.training.averaging import LastEpochs
from polyhead.training.choosing import best_of, heads_that_stop, run_is_over
from polyhead.training.data import TrainingData
from polyhead.training.diagnosis import check_diagnosis, diagnoser_of, tell_diagnosis
from polyhead.training.engine import resolve_precision
from polyhead.training.epoch_end import EpochEnd, bundle_name
from polyhead.training.extending import prove_heads
from polyhead.training.frozen import heads_alone
from polyhead.training.guard import Guard
from polyhead.training.loop import train_steps
from polyhead.training.memory import kept_memory
from polyhead.training.prepare import Prepared, prepare
from polyhead.training.profiling import Profiler, Stopwatch
from polyhead.training.progress import Progress, StateKeeper
from polyhead.training.reporting import EpochReport, Meter, Reporter
from polyhead.training.resuming import Beginning, as_begun, begin, reports_of
from polyhead.training.run_folder import RunFolder
from polyhead.training.stopping import StopRequest
from polyhead.training.tracking import Tracking, check_trackers
from polyhead.training.trained import TrainedRun, trained


def run_training(
    settings: RunSettings,
    *,
    reporter: Reporter | None = None,
    single_file: str | None = None,
    base: Bundle | None = None,
    data: TrainingData | None = None,
    resume: bool = False,
    force: bool = False,
    profile: bool = False,
) -> TrainedRun:
    """Train a model and save a bundle after every epoch.

    Args:
        settings: All settings.
        reporter: Hears how the run goes.
        single_file: Also save each epoch as one file of this name, in which ``{epoch}`` stands for its number.
        base: A trained model that is given further heads; then neither its encoder nor its heads learn.
        data: What is trained on instead of the settings' files, in one training of several, which is not resumed.
        resume: Go on where an earlier process was broken off, to the weights that it would have come to.
        force: Do so although settings or data are others now.
        profile: Time the parts of steps, and tell at the end.

    Raises:
        PolyheadError: If settings, data or encoder cannot be used. Nothing is written before they were checked.
        TrainingStoppedError: If Ctrl-C or SIGTERM came. A state was saved.
    """
    folder = RunFolder(settings.output)
    check_trackers(settings.tracking)
    with folder.alone() if data is None else nullcontext():  # one training of several is within its study's folder
        return _run_in(
            folder,
            settings,
            reporter or Reporter(),
            single_file=single_file,
            base=base,
            data=data,
            resume=resume,
            force=force,
            profile=profile,
        )


def _run_in(
    folder: RunFolder,
    settings: RunSettings,
    reporter: Reporter,
    *,
    single_file: str | None,
    base: Bundle | None,
    data: TrainingData | None,
    resume: bool,
    force: bool,
    profile: bool,
) -> TrainedRun:
    earlier = folder.account() if resume else None
    settings = as_begun(settings, earlier)
    notices = Notices(strict=settings.strict)
    prepared = prepare(settings, notices, base=base, data=data)
    check_diagnosis(prepared)
    for line in notices.lines():
        reporter.warn(line)
    for topic, line in prepared.facts():
        reporter.info(topic, line)
    stop = StopRequest()
    # From here on there is something to save; a training of several is begun anew instead.
    with stop if data is None else nullcontext():
        beginning = begin(folder, prepared.account(), earlier=earlier, resume=resume, force=force, reporter=reporter)
        if beginning.finished:
            return trained(folder, reports_of(beginning.finished))
        tracking = Tracking(settings.tracking, folder=folder.tracking, reporter=reporter)
        with closing(reporter), closing(folder), closing(tracking), kept_memory():
            tracking.start(prepared.resolved_settings())
            run = _Run(
                prepared,
                folder,
                reporter,
                tracking,
                beginning=beginning,
                stop=stop,
                single_file=single_file,
                watch=_profiler(prepared) if profile else Stopwatch(),
            )
            return run.go() if data is None else run.go_through()


class _Run:
    """Takes the steps; scores, saves and accounts for each epoch."""

    def __init__(
        self,
        prepared: Prepared,
        folder: RunFolder,
        reporter: Reporter,
        tracking: Tracking,
        *,
        beginning: Beginning,
        stop: StopRequest,
        single_file: str | None,
        watch: Stopwatch,
    ) -> None:
        self._prepared, self._folder, self._reporter, self._tracking = prepared, folder, reporter, tracking
        self._stop, self._watch = stop, watch
        self._epoch_end = EpochEnd(prepared, folder, reporter, check=stop.check, single_file=single_file)
        guard = Guard(prepared.settings.training, reporter=reporter, log=folder.log)
        self._progress = Progress(guard, LastEpochs(prepared.settings.training.average))
        self._progress.diagnoser = diagnoser_of(prepared, stopped=self._progress.stopped, reporter=reporter)
        self._keeper = StateKeeper(prepared, folder, run=beginning.run, progress=self._progress)
        self._beginning = beginning

    def go(self) -> TrainedRun:
        """Run; on Ctrl-C or SIGTERM, and where numbers go wrong, save a state first.

        Raises:
            TrainingStoppedError: If one of these signals came.
            NonFiniteError: If a loss or gradient is no finite number.
        """
        try:
            return self.go_through()
        except TrainingStoppedError as wish:
            state = self._keeper.save()
            step, steps = self._progress.step, self._prepared.plan.steps
            raise TrainingStoppedError(
                wish.signal,
                f"stopped after step {step:,} of {steps:,}, which is saved in {state}; go on with the same command "
                f"and --resume",
            ) from None
        except NonFiniteError as error:
            if not error.weights_are_finite:
                raise
            # Older states stay: what led to such numbers may have begun before.
            state = self._keeper.save(prune=False)
            raise NonFiniteError(
                f"{error}. The weights before that step are saved in {state}: --resume goes on from there, with "
                f"--on-nonfinite skip, say, or with other settings and --force"
            ) from error

    def go_through(self) -> TrainedRun:
        """Run to the end."""
        prepared, progress = self._prepared, self._progress
        self._reporter.start(steps=prepared.plan.steps, epochs=prepared.settings.training.epochs)
        if state := self._beginning.state:
            self._keeper.restore(state)
        if self._beginning.state or self._beginning.ahead:
            self._reporter.resume(step=progress.step, epochs=progress.epochs, best=best_of(progress.epochs))
        self._take_steps()
        for line in progress.guard.summary():
            self._reporter.info("guard", line)
        if progress.diagnoser:
            tell_diagnosis(progress.diagnoser, self._folder, reporter=self._reporter)
        if profile := self._watch.result():
            self._folder.log("profile", **profile.to_json())
            self._reporter.profile(profile.lines())
        if prepared.base:
            prove_heads(prepared.base, self._folder)
            self._reporter.info("proof", "the other heads' logits are bit-equal to before, in every bundle of the run")
        self._folder.finish()
        return trained(self._folder, progress.epochs)

    def _take_steps(self) -> None:
        progress, per_epoch = self._progress, self._prepared.plan.steps_per_epoch
        finished = len(progress.epochs)
        self._measure()
        if progress.step == (finished + 1) * per_epoch and self._end_epoch(finished + 1):
            return  # the state was saved after the epoch's last step, before it was scored
        for report in self._loop():
            progress.step = report.step
            self._measure()
            progress.meter.add(report)
            self._folder.log("step", **asdict(report))
            self._tracking.step(report)
            self._reporter.step(report)
            self._stop.check()
            if report.step % per_epoch == 0 and self._end_epoch(report.epoch):
                break
            if report.step < self._prepared.plan.steps:
                self._keeper.save_if_due()

    def _loop(self) -> Iterator[Any]:
        prepared = self._prepared
        return train_steps(
            prepared.model,
            prepared.examples,
            encoder=prepared.text_encoder,
            engine=prepared.engine,
            steps=self._steps_left(),
            losses=prepared.losses(),
            guard=self._progress.guard,
            stopped=self._progress.stopped,
            first_step=self._progress.step + 1,
            watch=self._watch,
            forward=heads_alone(prepared, self._progress, reporter=self._reporter, check=self._stop.check),
            balancing=prepared.balancing,
        )

    def _measure(self) -> None:
        progress = self._progress
        if progress.diagnoser and progress.diagnoser.at(progress.step, budget=progress.guard.token_budget):
            self._watch.pause()

    def _steps_left(self) -> Iterator[tuple[int, Step]]:
        training = self._prepared.settings.training
        done, taken = divmod(self._progress.step, self._prepared.plan.steps_per_epoch)
        for epoch in range(done + 1, training.epochs + 1):
            if training.unfreeze:
                free_layers(self._prepared.model.encoder, (epoch - 1) * training.unfreeze)
            for step in self._prepared.steps.of_epoch(epoch)[taken:]:
                yield epoch, step
            taken = 0

    def _end_epoch(self, epoch: int) -> bool:
        """Score, save and account for an epoch; return whether the run is over before its last."""
        progress = self._progress
        own = progress.meter.read()
        scored = self._epoch_end.close(epoch, progress.last)
        report = EpochReport(
            epoch=epoch,
            folder=bundle_name(epoch),
            losses=own.losses,
            dev=scored.dev,
            score=scored.score,
            seconds=own.seconds,
            rows_per_second=own.rows_per_second,
            tokens_per_second=own.tokens_per_second,
            metrics={name: criterion.metric for name, criterion in self._prepared.criteria.items()},
            averaged=scored.averaged,
        )
        progress.epochs.append(report)
        progress.meter = Meter()
        self._account_for(report)
        self._watch.pause()
        return self._is_over(epoch)

    def _account_for(self, report: EpochReport) -> None:
        ahead = [account for account in self._beginning.ahead if account["epoch"] > report.epoch]
        # Of a run that was broken off, bundles of later epochs may be there; they count until they are made again.
        best = best_of([*self._progress.epochs, *reports_of(ahead)])
        account = {**asdict(report), "single_file": self._epoch_end.single_name(report.epoch)}
        self._folder.add_epoch(account, ahead=ahead, best=best.folder if best else None)
        self._tracking.epoch(report)
        self._reporter.epoch(report, is_best=best is report)

    def _is_over(self, epoch: int) -> bool:
        """Stop heads, and say whether the run should stop, after an epoch that is not the last."""
        prepared, settings, epochs = self._prepared, self._prepared.settings, self._progress.epochs
        stopped = self._progress.stopped
        if epoch == settings.training.epochs:
            return False
        for name in sorted(heads_that_stop(epochs, prepared.criteria, settings.tasks) - stopped):
            stopped.add(name)
            prepared.model.head(name).requires_grad_(False)
            self._reporter.info("stop", f"head {name!r}: no better for {settings.tasks[name].patience} epochs")
        if stopped >= {task.name for task in prepared.data.tasks}:
            self._reporter.info("stop", "all heads have stopped")
            return True
        if run_is_over(epochs, settings.training.patience):
            self._reporter.info("stop", f"no better dev score for {settings.training.patience} epochs")
            return True
        return False


def _profiler(prepared: Prepared) -> Profiler:
    return Profiler(prepared.model, precision=resolve_precision(prepared.settings.training.precision))
