"""What the tests of both transports share: the two worlds behind one adapter, tenants, files."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import ClassVar

from sailpoint_provider.client.async_client import AsyncClient
from sailpoint_provider.client.blocking import BlockingClient
from sailpoint_provider.files.locate import find_csv
from sailpoint_provider.isc.policy import RetryPolicy
from sailpoint_provider.isc.tenant.config import Tenant

HR = "2c918085000000000000000000000a01"
DIRECTORY = "2c918085000000000000000000000a03"
CLIENT, SECRET = "simulator-client", "simulator-secret"
HEADER = "id,name,givenName,familyName,e-mail,department,manager,startDate,endDate\n"
FAST = RetryPolicy(attempts=4, first_pause=0.01, longest_pause=0.02)
ONCE = RetryPolicy(attempts=1)


class Blocking:
    """The world of workers."""

    name = "blocking"

    @staticmethod
    def use(tenant, deed, policy=FAST):
        """Hand a transport to a function of it; the function's calls go one after the other."""
        with BlockingClient(tenant, policy) as transport:
            return deed(transport)

    @classmethod
    def send(cls, tenant, call, policy=FAST):
        return cls.use(tenant, lambda transport: transport.send(call), policy)

    @classmethod
    def send_all(cls, tenant, calls, policy=FAST):
        return cls.use(tenant, lambda transport: [transport.send(call) for call in calls], policy)

    @classmethod
    def run(cls, tenant, flow, policy=FAST):
        return cls.use(tenant, lambda transport: transport.run(flow), policy)

    @classmethod
    def send_at_once(cls, tenant, call, times, policy=FAST):
        """Send a call so many times at once, each with a transport and a thread of its own."""
        found, barrier = [], threading.Barrier(times)

        def one():
            barrier.wait(5)
            found.append(cls.send(tenant, call, policy))

        threads = [threading.Thread(target=one) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return found


class EventLoop:
    """The world of triggerers."""

    name = "event_loop"

    @staticmethod
    def use(tenant, deed, policy=FAST):
        async def within():
            transport = AsyncClient(tenant, policy)
            try:
                return await deed(transport)
            finally:
                await transport.close()

        return asyncio.run(within())

    @classmethod
    def send(cls, tenant, call, policy=FAST):
        return cls.use(tenant, lambda transport: transport.send(call), policy)

    @classmethod
    def send_all(cls, tenant, calls, policy=FAST):
        async def one_after_the_other(transport):
            return [await transport.send(call) for call in calls]

        return cls.use(tenant, one_after_the_other, policy)

    @classmethod
    def run(cls, tenant, flow, policy=FAST):
        return cls.use(tenant, lambda transport: transport.run(flow), policy)

    @classmethod
    def send_at_once(cls, tenant, call, times, policy=FAST):
        async def all_at_once(transport):
            return await asyncio.gather(*(transport.send(call) for _ in range(times)))

        return cls.use(tenant, all_at_once, policy)


def tenant_at(url, **changes):
    """Return a tenant whose request budget slows no test."""
    fields = {"host": url, "login": CLIENT, "password": SECRET}
    extra = {"requests_per_10s": 100_000, "timeout": 5} | changes.pop("extra", {})
    return Tenant.from_connection_fields(**(fields | changes), extra=extra)


def csv_of(rows):
    return HEADER + "".join(f"p{number},Person {number},,,,,,,\n" for number in range(rows))


def write_csv(folder, rows=3, name="accounts.csv"):
    path = folder / name
    path.write_text(csv_of(rows), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Disturbed(RetryPolicy):
    """Does something between two attempts."""

    disturb: ClassVar = None

    def pause(self, attempt, error, jitter):
        type(self).disturb()
        return 0.0


def disturbing(deed):
    """Return a policy that does something between two attempts."""
    return type("Disturbing", (Disturbed,), {"disturb": staticmethod(deed)})(attempts=4)


def upload_disturbed(path, deed):
    """Describe a file to which something is done once its first bytes have been read."""
    upload = find_csv(path)

    class Stream:
        def __init__(self):
            self.file, self.read_once = upload.open(), False

        def read(self, size=-1):
            chunk = self.file.read(min(size, 1000) if size >= 0 else 1000)
            if not self.read_once:
                self.read_once = True
                deed()
            return chunk

        def close(self):
            self.file.close()

    return opened_by(upload, Stream)


class OpenedBy:
    """A source whose file is opened in another way."""

    def __init__(self, source, open_file):
        self.source, self.open = source, open_file

    def __getattr__(self, name):
        return getattr(self.source, name)


def opened_by(upload, open_file):
    """Return the upload with another way to open its file."""
    return replace(upload, source=OpenedBy(upload.source, open_file))


def asked(control, call):
    """Return the requests of one kind that the simulator received."""
    return [request for request in control.requests() if request["call"] == call]
