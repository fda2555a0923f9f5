"""prune: delete what the retention does not keep, after showing it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses

from trainer.checkpoints import metadata, pruning, ranking, selectors
from trainer.commands.checkpoint_tools import output, project_settings
from trainer.commands.tables import print_table
from trainer.reporting import formatting

HELP = "delete what is not kept: not the latest, the best, the last N, pinned or in use"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, the rule, and whether to ask."""
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
    """Show the plan, ask, delete."""
    rule = project_settings.configured_retention(
        {
            "last_n": args.keep_last_n,
            "best_n": args.keep_best_n,
            "best_metric": args.metric,
            "best_mode": args.mode,
            "every": args.keep_every,
        }
    )
    manager = output.manager_of(args, rule)
    listing = manager.listing()
    if args.metric is None and (by := ranking.recorded(listing.checkpoints)):
        # What the run went by, not what the configuration says for the next one.
        rule = dataclasses.replace(rule, best_metric=by.metric, best_mode=args.mode or by.mode)
        manager.retention = rule
    if not listing.checkpoints:
        raise selectors.none_found(manager.shown)
    try:
        found = listing.checkpoints
        ranking.best(found, ranking.best_by(found, rule.best_metric, rule.best_mode))
    except ValueError as error:  # by a mistyped metric nothing would be the best
        raise output.Misuse(str(error)) from None
    lock = contextlib.nullcontext() if args.dry_run else manager.writer_lock()
    with lock:
        plan = pruning.plan(manager.directory, rule)
        paths = pruning.paths(manager.directory, plan)
        if not args.json:
            _show(plan)
        deleted = bool(paths) and not args.dry_run and _is_meant(args, plan)
        gone = manager.prune() if deleted else []
    if args.json:
        shown = [manager.address(path) for path in (gone if deleted else paths)]
        output.print_json(_as_json(plan, shown, deleted=deleted))
    else:
        print(_outcome(len(plan.dropped), deleted=deleted, dry_run=args.dry_run))
    return output.EXIT_OK


def _is_meant(args: argparse.Namespace, plan: pruning.Plan) -> bool:
    if args.json and not args.yes:
        raise output.Misuse("--json does not ask: give --yes to delete, --dry-run to look")
    freed = formatting.size(sum(info.size_bytes for info in plan.dropped))
    count = output.checkpoints(len(plan.dropped))
    return args.yes or output.confirmed(f"Delete {count} ({freed})?")


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
        return f"Deleted {output.checkpoints(count)}, with plots and histories."
    return f"Would delete {output.checkpoints(count)}." if dry_run else "Nothing was deleted."


def _as_json(plan: pruning.Plan, paths: list[str], *, deleted: bool) -> dict[str, object]:
    return {
        "deleted": deleted,
        "kept": [{"iteration": i, "reasons": list(why)} for i, why in plan.kept.items()],
        "dropped": [
            {"iteration": info.iteration, "size_bytes": info.size_bytes} for info in plan.dropped
        ],
        "paths": paths,
    }
