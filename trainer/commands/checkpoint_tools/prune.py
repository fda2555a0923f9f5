"""prune: show which checkpoints the retention rule does not keep, then delete them."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses

from trainer.checkpoints import metadata, pruning, ranking, selectors
from trainer.checkpoints.retention import Retention
from trainer.commands.checkpoint_tools.json_output import print_json
from trainer.commands.checkpoint_tools.open_manager import changing, open_manager
from trainer.commands.confirmation import confirmed
from trainer.commands.tables import print_table
from trainer.errors import UsageError
from trainer.project import find_config
from trainer.reporting import formatting
from trainer.reporting.formatting import plural
from trainer.reporting.terminal import can_ask

HELP = "delete what is not kept: not the latest, the best, the last N, pinned or in use"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folder, the retention rule, and whether to ask."""
    parser.add_argument("folder", nargs="?", metavar="DIR", help="the same as --checkpoint-dir")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    rule = parser.add_argument_group("what is kept (config.yaml says it where an option is absent)")
    rule.add_argument("--keep-last-n", type=int, metavar="N", help="the newest; 0 = all")
    rule.add_argument("--keep-best-n", type=int, metavar="N", help="the best; 0 = only the best")
    rule.add_argument("--metric", metavar="KEY", help="by which they are the best (the run's own)")
    rule.add_argument(
        "--mode", choices=metadata.MODES, help="whether more is better (the run's own)"
    )
    rule.add_argument("--keep-every", type=int, metavar="K", help="each K-th iteration; 0 = off")


def run(args: argparse.Namespace) -> int:
    """Shows the plan, asks and deletes; returns the exit code."""
    rule = _retention(args)
    manager = open_manager(args.checkpoint_dir, rule)
    listing = manager.listing()
    if args.metric is None and (by := ranking.recorded(listing.checkpoints)):
        # What the run went by, not what the configuration says for the next one.
        rule = dataclasses.replace(rule, best_metric=by.metric, best_mode=args.mode or by.mode)
    elif args.metric is None and rule.best_by is not None:
        by = ranking.in_force(listing.checkpoints, rule.best_by)
        rule = dataclasses.replace(rule, best_metric=by.metric, best_mode=args.mode or by.mode)
    manager.retention = rule
    if not listing.checkpoints:
        raise selectors.none_found(manager.shown, manager.directory)
    try:
        found = listing.checkpoints
        ranking.best(found, ranking.best_by(found, rule.best_metric, rule.best_mode))
    except ValueError as error:  # by a mistyped metric nothing would be the best
        raise UsageError(str(error)) from None
    with contextlib.ExitStack() as held:
        if not args.dry_run:
            with changing(manager.shown):
                held.enter_context(manager.writer_lock())
        plan = pruning.plan(manager.directory, rule)
        paths = pruning.paths(manager.directory, plan)
        if not args.json:
            _show(plan)
        deleted = bool(paths) and not args.dry_run and _is_meant(args, plan)
        with changing(manager.shown):
            gone = manager.prune() if deleted else []
    if args.json:
        shown = [manager.address(path) for path in (gone if deleted else paths)]
        print_json(_as_json(plan, shown, deleted=deleted))
    else:
        print(_outcome(len(plan.dropped), deleted=deleted, dry_run=args.dry_run))
    return 0


def _retention(args: argparse.Namespace) -> Retention:
    """The rule of config.yaml with the options that were given in its place."""
    from trainer.config.loading import load_config  # late: the other tools start without it

    path = find_config()
    configured = load_config(path).retention if path else Retention()
    given = {
        "last_n": args.keep_last_n,
        "best_n": args.keep_best_n,
        "best_metric": args.metric,
        "best_mode": args.mode,
        "every": args.keep_every,
    }
    try:
        return dataclasses.replace(
            configured, **{name: value for name, value in given.items() if value is not None}
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _is_meant(args: argparse.Namespace, plan: pruning.Plan) -> bool:
    if args.json and not args.yes:
        raise UsageError("--json does not ask: give --yes to delete, --dry-run to look")
    freed = formatting.size(sum(info.size_bytes for info in plan.dropped))
    count = plural(len(plan.dropped), "checkpoint")
    if args.yes:
        return True
    if not can_ask():
        raise UsageError("there is no terminal to ask on: give --yes to do it, --dry-run to look")
    return confirmed(f"Delete {count} ({freed})?")


def _show(plan: pruning.Plan) -> None:
    kept = [(i, "keep", "", ", ".join(why)) for i, why in plan.kept.items()]
    gone = [
        (info.iteration, "delete", formatting.size(info.size_bytes), "") for info in plan.dropped
    ]
    heads = ("Iter", "What", "Frees", "Why")
    print_table(heads, sorted([*kept, *gone]), numbers=("Iter", "Frees"))


def _outcome(count: int, *, deleted: bool, dry_run: bool) -> str:
    if not count:
        return "Nothing to delete."
    if deleted:
        return f"Deleted {plural(count, 'checkpoint')}, with plots and histories."
    return f"Would delete {plural(count, 'checkpoint')}." if dry_run else "Nothing was deleted."


def _as_json(plan: pruning.Plan, paths: list[str], *, deleted: bool) -> dict[str, object]:
    return {
        "deleted": deleted,
        "kept": [{"iteration": i, "reasons": list(why)} for i, why in plan.kept.items()],
        "dropped": [
            {"iteration": info.iteration, "size_bytes": info.size_bytes} for info in plan.dropped
        ],
        "paths": paths,
    }
