"""Finds aggregations that a task started more than once for one load, and checks that each has a reason."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from sailpoint_provider.isc.start.reconcile import RECONCILE_SECONDS

if TYPE_CHECKING:
    from tests.live.chaos.airflow import Story
    from tests.live.chaos.starts import Post
    from tests.live.chaos.truth import Run, Truth

UNANSWERED = "the first start got no usable response"
RIVAL_IN_GAP = "the first start got no usable response, and a rival began or was refused meanwhile"
NOT_STORED = "the ID of the first start was not stored"
NO_STORE = "a retry without a state store"
OTHER_CLEARED = "another task of the run was cleared meanwhile"
REASONS = (UNANSWERED, RIVAL_IN_GAP, NOT_STORED, NO_STORE, OTHER_CLEARED)


@dataclass(frozen=True)
class Doubles:
    """
    The aggregations after the first of each load.

    :param reasons: why they were started, for each that has a reason.
    :param wrongs: each load with more such aggregations than reasons.
    """

    reasons: tuple[str, ...]
    wrongs: tuple[str, ...]


def doubles_of(story: Story, truth: Truth) -> Doubles:
    """Check one task's starts. A load is one state of the file between two clears."""
    reasons: list[str] = []
    wrongs: list[str] = []
    for (epoch, version), group in groupby(story.ledger.posts, key=_load_of):
        posts = list(group)
        runs = [
            (post, run)
            for post in posts
            if (run := truth.of_post(post.tag)) is not None and run.counts and run.is_good_for(story)
        ]
        excess = len(runs) - 1
        if excess < 1:
            continue
        found = [reason for post, run in runs if (reason := _reason(story, post, run, posts, truth))]
        reasons += found[:excess]
        if len(found) < excess:
            ids = ", ".join(run.id for _, run in runs)
            wrongs.append(
                f"started {len(runs)} aggregations ({ids}) for one load (clear {epoch}, file {version}), but "
                f"only {len(found)} of them give a reason for another start"
            )
    return Doubles(tuple(reasons), tuple(wrongs))


def _load_of(post: Post) -> tuple[int, int]:
    return post.attempt.epoch, post.attempt.version


def _reason(story: Story, post: Post, run: Run, posts: list[Post], truth: Truth) -> str | None:
    """Return why another start may follow this one; None if none may."""
    task, ledger = story.task, story.ledger
    if post.told is None:
        if not task.is_plain:
            return UNANSWERED
        if _rival_in_gap(story, post, run, truth):
            return RIVAL_IN_GAP
        # The task finds this aggregation again in the records, unless it has lost its baseline.
    later = [one for one in posts if one.attempt.number > post.attempt.number]
    if not later:
        return None
    if not task.has_store:
        return NO_STORE
    if post.told is not None and post.told not in ledger.ever_stored and not task.is_plain:
        return NOT_STORED
    if post.told not in ledger.ever_stored and task.is_plain and _rival_in_gap(story, post, run, truth):
        return NOT_STORED
    if any(one.attempt.clears != post.attempt.clears for one in later):
        return OTHER_CLEARED
    return None


def _rival_in_gap(story: Story, post: Post, run: Run, truth: Truth) -> bool:
    """
    Return whether a rival came between the read before a start and the next start, or the start came late.

    A refused rival counts: its record looks like that of a refused start of the task.
    """
    sent = [one.sent for one in story.ledger.posts if one.sent > post.sent]
    end = min(sent, default=story.end.ended)
    others = [one for one in truth.runs if one != run and post.look.begun <= one.created <= end]
    return bool(others) or run.created > post.sent + RECONCILE_SECONDS
