"""A throw-away Airflow home: its settings, its secrets of one run, and its database."""

from __future__ import annotations

import base64
import configparser
import json
import os
import secrets
import shutil
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.live.processes import clean_environment, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.processes import Processes


# To read DAG files again and again takes a third of a small machine's processor.
READ_ONCE = {"dag_processor": {"min_file_process_interval": "3600"}}
"""Settings for an Airflow whose DAG files nobody changes."""


@dataclass(frozen=True)
class AirflowHome:
    """Everything that one private Airflow needs.

    :param folder: becomes ``AIRFLOW_HOME``; what was in it is removed by :meth:`create`.
    :param dags_folder: where the DAG files are.
    :param connections: connections by id, handed over as environment variables, in Airflow's JSON form.
    :param variables: further environment variables for the Airflow processes.
    :param settings: further settings by section and option.
    :param database_url: URL of an empty database; an empty string means a SQLite file in the folder.
    :param port: where the web page and the API listen, on the loopback address.
    :param launcher: words before each command.
    """

    folder: Path
    dags_folder: Path
    connections: dict[str, dict[str, object]] = field(default_factory=dict, repr=False)
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    database_url: str = ""
    port: int = field(default_factory=free_port)
    launcher: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Address of the web page."""
        return f"http://127.0.0.1:{self.port}"

    def create(self, processes: Processes) -> None:
        """Make the folder new, write the settings, and set up the database."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        settings = configparser.ConfigParser(interpolation=None)
        # Airflow reads its settings with interpolation.
        settings.read_dict(
            {
                section: {option: setting.replace("%", "%%") for option, setting in options.items()}
                for section, options in self._settings().items()
            }
        )
        descriptor = os.open(self.folder / "airflow.cfg", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as cfg:
            settings.write(cfg)
        processes.run("db-migrate", self.command("db", "migrate"), self.environment(), self.folder)
        if self.database_url:
            return
        with closing(sqlite3.connect(self.folder / "airflow.db")) as database:
            # Four processes share this file; with a write-ahead log readers do not wait for the writer.
            database.execute("PRAGMA journal_mode=WAL")

    def elsewhere(self, folder: Path, launcher: tuple[str, ...] = ()) -> AirflowHome:
        """Make a home of the same Airflow as if on another machine, with its own copy of the DAG files.

        This home has been created, and its database is no file.

        :param folder: becomes that home's ``AIRFLOW_HOME``, and holds its logs and temporary files too.
        """
        dags, temporary = folder / "dags", folder / "tmp"
        folder.mkdir(mode=0o700)
        temporary.mkdir()
        shutil.copytree(self.dags_folder, dags, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(self.folder / "airflow.cfg", folder)
        own = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), "TMPDIR": str(temporary)}
        return replace(
            self, folder=folder, dags_folder=dags, variables=self.variables | own, launcher=launcher
        )

    def store_connection(self, processes: Processes, conn_id: str, fields: dict[str, object]) -> None:
        """Put a connection into the database, for Airflow processes that are not running yet."""
        words = ("connections", "add", conn_id, "--conn-json", json.dumps(fields))
        processes.run("connections-add", self.command(*words), self.environment(), self.folder)

    def command(self, *words: str) -> list[str]:
        """Return an ``airflow`` command line of this interpreter."""
        return [*self.launcher, sys.executable, "-m", "airflow", *words]

    def environment(self) -> dict[str, str]:
        """Return the environment of the Airflow processes, with nothing of the caller's Airflow in it."""
        connections = {
            f"AIRFLOW_CONN_{connection_id.upper()}": json.dumps(connection)
            for connection_id, connection in self.connections.items()
        }
        return {
            **clean_environment(),
            "AIRFLOW_HOME": str(self.folder),
            **connections,
            **self.variables,
        }

    def _settings(self) -> dict[str, dict[str, str]]:
        usual = self._usual_settings()
        return {
            section: usual.get(section, {}) | self.settings.get(section, {})
            for section in usual | self.settings
        }

    def _usual_settings(self) -> dict[str, dict[str, str]]:
        return {
            "core": {
                "dags_folder": str(self.dags_folder),
                "load_examples": "False",
                "executor": "LocalExecutor",
                "parallelism": "4",
                "simple_auth_manager_all_admins": "True",
                "execution_api_server_url": f"{self.url}/execution/",
                "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            },
            "database": {"sql_alchemy_conn": self.database_url or f"sqlite:///{self.folder / 'airflow.db'}"},
            "api": {
                "base_url": self.url,
                "host": "127.0.0.1",
                "port": str(self.port),
                "workers": "1",
                "secret_key": secrets.token_urlsafe(32),
            },
            # Airflow 3.0 sets no issuer itself, and newer releases of PyJWT do not accept that.
            "api_auth": {"jwt_secret": secrets.token_urlsafe(64), "jwt_issuer": "a-private-airflow"},
            "scheduler": {"scheduler_idle_sleep_time": "0.5"},
            "dag_processor": {"refresh_interval": "5", "min_file_process_interval": "10"},
            "triggerer": {"job_heartbeat_sec": "2"},
            # With Airflow's 5 seconds, a busy machine fails tasks that have not begun.
            "workers": {"execution_api_timeout": "60"},
            "logging": {"colored_console_log": "False"},
        }
