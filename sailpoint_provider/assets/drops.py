"""A folder in which files are dropped, as an Airflow asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider._airflow.drop import drops_of_run
from sailpoint_provider._airflow.errors import airflow_errors
from sailpoint_provider.drops.rules import FolderRules

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Asset, Context, ObjectStoragePath, XComArg

    from sailpoint_provider.drops.completeness import Complete
    from sailpoint_provider.drops.filing import Decision


class SailPointDropFolder:
    """
    A folder in which CSVs are dropped, to be loaded one after the other.

    Exactly one of ``source_id``, ``source_name``, ``sources`` and ``source_id_in_name`` says whose files they
    are. Hidden files, empty files, links, and files that end in ``.part``, ``.tmp`` or ``~`` are not drops.
    Taken files and records are kept in a subfolder ``.sailpoint``, so workers need write access.

    :param url: an absolute path, or a URL that fsspec understands; ``s3://conn_id@bucket/prefix`` names an
        Airflow connection. A password or signature in it is an error.
    :param pattern: file-name pattern, or several; case does not matter. A pattern with ``/`` is compared with
        the whole path below the folder. Defaults to ``*.csv`` and ``*.csv.gz``.
    :param source_id: ID of the source of all files, 32 hex characters.
    :param source_name: name of the source of all files, as ISC shows it.
    :param sources: maps file-name patterns to source names or IDs; the first that fits counts, and files that
        fit none are ignored with a warning.
    :param source_id_in_name: whether each name begins with a source's ID and a dash, as for SailPoint's File
        Upload Utility. Files with an old numeric ID, or none, are ignored with a warning.
    :param recursive: whether subfolders are watched too.
    :param complete: what makes a file complete: ``renamed`` if it is written under another name or elsewhere
        and then renamed, so that it is complete at once; ``companion`` if ``x.csv.done``, ``x.csv.ok`` or
        ``x.csv.sha256`` follows ``x.csv``; ``quiet`` if nothing about it changes for ``quiet_for``.
    :param quiet_for: how long, in seconds or as a ``timedelta``; 60 by default.
    :param scan_interval: time between two listings in seconds; None for 2 on a disk and 10 in a store.
    :param remind_after: seconds after which a drop is reported again that nobody took, as after a DAG was
        paused, or that a run took and left undecided; one hour by default.
    :param loaded: subfolder for loaded files.
    :param refused: subfolder for files that a check refused, with its report.
    :param duplicate: subfolder for files that were loaded before.
    :raises InvalidInputError: a parameter is invalid.
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | ObjectStoragePath,
        *,
        pattern: str | Sequence[str] | None = None,
        source_id: str | None = None,
        source_name: str | None = None,
        sources: Mapping[str, str] | None = None,
        source_id_in_name: bool = False,
        recursive: bool = False,
        complete: Complete = "quiet",
        quiet_for: float | timedelta = 60.0,
        scan_interval: float | None = None,
        remind_after: float | timedelta = 3600.0,
        loaded: str = "loaded",
        refused: str = "refused",
        duplicate: str = "duplicate",
    ) -> None:
        described: dict[str, Any] = {} if pattern is None else {"patterns": pattern}
        with airflow_errors():
            self.rules = FolderRules(
                url=str(url),
                source_id=source_id,
                source_name=source_name,
                sources=sources or (),  # type: ignore[arg-type] # normalized there
                source_id_in_name=source_id_in_name,
                recursive=recursive,
                complete=complete,
                quiet_for=quiet_for,  # type: ignore[arg-type] # normalized there
                scan_interval=scan_interval,
                remind_after=remind_after,  # type: ignore[arg-type] # normalized there
                loaded=loaded,
                refused=refused,
                duplicate=duplicate,
                **described,
            )

    def to_json(self) -> dict[str, Any]:
        """Return the folder as JSON primitives, without secrets."""
        return self.rules.to_json()

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> SailPointDropFolder:
        """
        Return the folder that :meth:`to_json` described.

        :raises InvalidInputError: it is not such a description.
        """
        folder = cls.__new__(cls)
        folder.rules = FolderRules.from_json(described)
        return folder

    def __repr__(self) -> str:
        """Return the folder as code shows it, without its settings."""
        return f"SailPointDropFolder({self.rules.url!r})"

    def asset(self) -> Asset:
        """
        Return the folder as an asset whose watcher starts a run when a complete drop is there.

        Its event says which: ``url``, ``name``, ``size_bytes``, ``change_marker``, ``source_id``,
        ``source_name`` and ``dropped_at`` (epoch seconds).
        """
        from airflow.sdk import Asset, AssetWatcher

        from sailpoint_provider.triggers.drops import SailPointDropWatcherTrigger

        identity, url = self.rules.identity, self.rules.url
        place = url.partition("://")[2] if "://" in url else url
        return Asset(
            name=f"SailPoint drops in {url} ({identity})",
            # Airflow leaves URIs of this form as they are, so every store and every path can be named.
            uri=f"x-sailpoint-drops://{place}?{identity}",
            group="sailpoint-drops",
            watchers=[
                AssetWatcher(
                    name="complete drops", trigger=SailPointDropWatcherTrigger(folder=self.to_json())
                )
            ],
        )

    def drops(self, context: Context) -> list[dict[str, Any]]:
        """
        Take the run's drops, at most one of each source, oldest first; a retry returns the same ones.

        :param context: the task's context.
        :returns: JSON objects, for the parameter ``drop`` of the operator.
        :raises AirflowSkipException: nothing is left to take.
        :raises FolderUnavailableError: the folder cannot be listed, or may not be mounted.
        """
        return drops_of_run(self.rules, context)

    def take(self, task_id: str = "take_drops", **parameters: Any) -> XComArg:
        """
        Return the result of a task that takes the run's drops, to map a load over.

        :param task_id: ID of the task.
        :param parameters: other parameters of the task, such as ``retries``.
        """
        from airflow.providers.common.compat.sdk import XComArg

        from sailpoint_provider.operators.drops import SailPointTakeDropsOperator

        return XComArg(SailPointTakeDropsOperator(task_id=task_id, rules=self.rules, **parameters))

    @staticmethod
    def refuse(drop: Mapping[str, Any], reason: str, *, report: Mapping[str, Any] | None = None) -> str:
        """
        File a taken drop as refused, because a person rejected it; its source is then free for the next.

        A drop that is decided already stays where it is.

        :param drop: the drop.
        :param reason: why, as a sentence. It is filed beside the drop, before the report.
        :param report: the result of a :class:`SailPointFileCheckOperator`; None for none.
        :returns: the path or URL of the filed drop.
        :raises InvalidInputError: it is not a drop, or another run has taken it over.
        :raises FolderUnavailableError: the folder cannot be reached.
        """
        from sailpoint_provider._airflow.drop import refuse_drop

        with airflow_errors():
            return refuse_drop(drop, reason, report)

    @staticmethod
    def decision(drop: Mapping[str, Any]) -> Decision | None:
        """
        Return what was decided about a taken drop, for a summary of a run.

        :param drop: the drop.
        :returns: its ``outcome`` (``loaded``, ``refused`` or ``duplicate``), its ``location``, and a
            ``sentence`` about it; None while nothing is decided, as after a failed load.
        :raises InvalidInputError: it is not a drop, or another run has taken it over.
        :raises FolderUnavailableError: the folder cannot be reached.
        """
        from sailpoint_provider._airflow.drop import read_drop
        from sailpoint_provider.drops.filing import decision_of

        with airflow_errors():
            return decision_of(read_drop(drop))
