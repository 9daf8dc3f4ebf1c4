"""The hook's methods for the other loads than account aggregations, and for the check of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.hooks.connection import ConnectedHook, upload_of
from sailpoint_provider.isc.api.identifiers import id_from_user
from sailpoint_provider.isc.kinds import ENTITLEMENT_AGGREGATION, UNCORRELATED_ACCOUNTS
from sailpoint_provider.version_compat import in_thread

if TYPE_CHECKING:
    from collections.abc import Collection

    from sailpoint_provider.files.locate import FileLocation
    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.api.models import StartedAggregation
    from sailpoint_provider.isc.api.source_health import ConnectionCheck, SourceHealth
    from sailpoint_provider.isc.flow import Flow
    from sailpoint_provider.isc.tenant.config import Tenant


class LoadMethods(ConnectedHook):
    """
    Starts entitlement aggregations, loads of uncorrelated accounts and identity refreshes; checks sources.

    Each method has a counterpart for event loops with the prefix ``a``. No request that starts something is
    repeated if it may have had an effect.
    """

    def load_entitlements(
        self, source_id: str, file: FileLocation | Upload | None = None, *, object_type: str | None = None
    ) -> StartedAggregation:
        """
        Start an entitlement aggregation; it needs the scope ``idn:entitlement:manage`` and a user.

        :param source_id: ID of the source, 32 hex characters.
        :param file: the CSV of a delimited-file source: path, URL or ``ObjectStoragePath``.
        :param object_type: entitlement type of the rows, such as ``group``; None for ISC's default. It is
            sent as ``objectType``, which no OpenAPI document has but SailPoint's File Upload Utility sends.
        :returns: the aggregation: its ``id``, ISC's messages, and the file that was sent.
        :raises AggregationAlreadyRunningError: another entitlement aggregation of the source is running.
        :raises InvalidInputError: an argument is invalid, or ISC refuses the file (400).
        :raises TenantUnavailableError: no usable response; unless ``sent`` is False, it may have started.
        """
        _check_entitlements(source_id, file, object_type)
        return self._run(_entitlements(self._tenant, source_id, upload_of(file), object_type))

    async def aload_entitlements(
        self, source_id: str, file: FileLocation | Upload | None = None, *, object_type: str | None = None
    ) -> StartedAggregation:
        """Start an entitlement aggregation; see :meth:`load_entitlements`."""
        _check_entitlements(source_id, file, object_type)
        upload = await in_thread(upload_of, file)
        return await self._arun(_entitlements(await self._atenant(), source_id, upload, object_type))

    def load_uncorrelated_accounts(self, source_id: str, file: FileLocation | Upload) -> StartedAggregation:
        """
        Start a load of uncorrelated accounts: assign accounts to identities as a CSV says.

        :param source_id: ID of the source, 32 hex characters.
        :param file: the CSV: path, URL or ``ObjectStoragePath``; sources of every type take one.
        :returns: the load: its ``id``, ISC's messages, and the file that was sent.
        :raises AggregationAlreadyRunningError: another such load of the source is running.
        :raises InvalidInputError: an argument is invalid, or ISC refuses the file (400).
        :raises TenantUnavailableError: no usable response; unless ``sent`` is False, it may have started.
        """
        _check_uncorrelated(source_id, file)
        return self._run(_uncorrelated(self._tenant, source_id, upload_of(file)))

    async def aload_uncorrelated_accounts(
        self, source_id: str, file: FileLocation | Upload
    ) -> StartedAggregation:
        """Start a load of uncorrelated accounts; see :meth:`load_uncorrelated_accounts`."""
        _check_uncorrelated(source_id, file)
        upload = await in_thread(upload_of, file)
        return await self._arun(_uncorrelated(await self._atenant(), source_id, upload))

    def process_identities(self, identity_ids: Collection[str]) -> str | None:
        """
        Have up to 250 identities processed.

        :param identity_ids: IDs of the identities, 32 hex characters each.
        :returns: ID of ISC's task; None if ISC gave none.
        :raises InvalidInputError: an ID is malformed, or there are none or more than 250; nothing is sent.
        :raises TenantUnavailableError: no usable response; unless ``sent`` is False, ISC may process them.
        """
        return self._send(_processing(self._tenant, identity_ids))

    async def aprocess_identities(self, identity_ids: Collection[str]) -> str | None:
        """Have up to 250 identities processed; see :meth:`process_identities`."""
        return await self._asend(_processing(await self._atenant(), identity_ids))

    def process_identity_profile(self, identity_profile_id: str) -> str | None:
        """
        Have all identities of an identity profile processed.

        :param identity_profile_id: ID of the profile, a UUID.
        :returns: None, because ISC answers without the ID of a task; the ID if there is one after all.
        :raises InvalidInputError: the ID is malformed, or no profile has it.
        :raises TenantUnavailableError: no usable response; unless ``sent`` is False, ISC may process them.
        """
        return self._send(_profile_processing(self._tenant, identity_profile_id))

    async def aprocess_identity_profile(self, identity_profile_id: str) -> str | None:
        """Have all identities of a profile processed; see :meth:`process_identity_profile`."""
        return await self._asend(_profile_processing(await self._atenant(), identity_profile_id))

    def check_source_connection(self, source_id: str) -> ConnectionCheck:
        """
        Let ISC test whether it can log in to a source; it needs the scope ``idn:source-connector:manage``.

        :raises InvalidInputError: the ID is malformed, or no source has it.
        """
        from sailpoint_provider.isc.api.source_health import check_connection

        return self._send(check_connection(self._tenant.api_version, id_from_user(source_id, "source_id")))

    async def acheck_source_connection(self, source_id: str) -> ConnectionCheck:
        """Let ISC test whether it can log in to a source; see :meth:`check_source_connection`."""
        from sailpoint_provider.isc.api.source_health import check_connection

        id_from_user(source_id, "source_id")
        return await self._asend(check_connection((await self._atenant()).api_version, source_id))

    def get_source_health(self, source_id: str) -> SourceHealth:
        """
        Return the state of a source as ISC last saw it.

        :raises InvalidInputError: the ID is malformed, no source has it, or ``api_version`` is ``beta``,
            which has no such call.
        """
        from sailpoint_provider.isc.api.source_health import source_health

        return self._send(source_health(self._tenant.api_version, id_from_user(source_id, "source_id")))

    async def aget_source_health(self, source_id: str) -> SourceHealth:
        """Return the state of a source as ISC last saw it; see :meth:`get_source_health`."""
        from sailpoint_provider.isc.api.source_health import source_health

        id_from_user(source_id, "source_id")
        return await self._asend(source_health((await self._atenant()).api_version, source_id))


def _check_entitlements(source_id: str, file: Any, object_type: str | None) -> None:
    from sailpoint_provider.isc.start.load import check_object_type

    id_from_user(source_id, "source_id")
    check_object_type(object_type, has_file=file is not None)


def _entitlements(
    tenant: Tenant, source_id: str, upload: Upload | None, object_type: str | None
) -> Flow[StartedAggregation]:
    from sailpoint_provider.isc.start.load import start

    return start(tenant.api_version, source_id, upload, object_type=object_type, kind=ENTITLEMENT_AGGREGATION)


def _check_uncorrelated(source_id: str, file: Any) -> None:
    id_from_user(source_id, "source_id")
    if file is None:
        raise InvalidInputError("A load of uncorrelated accounts needs a file. Set file to the CSV to load.")


def _uncorrelated(tenant: Tenant, source_id: str, upload: Upload | None) -> Flow[StartedAggregation]:
    from sailpoint_provider.isc.start.load import start

    return start(tenant.api_version, source_id, upload, kind=UNCORRELATED_ACCOUNTS)


def _processing(tenant: Tenant, identity_ids: Collection[str]) -> Request[str | None]:
    from sailpoint_provider.isc.api.loads import MOST_IDENTITIES, process_identities
    from sailpoint_provider.isc.start.refresh import checked_identity_ids

    ids = checked_identity_ids(identity_ids)
    if len(ids) > MOST_IDENTITIES:
        raise InvalidInputError(
            f"identity_ids has {len(ids):,} IDs, but ISC takes at most {MOST_IDENTITIES} with one request. "
            "Send them in parts, or use SailPointIdentityRefreshOperator, which does."
        )
    return process_identities(tenant.api_version, ids)


def _profile_processing(tenant: Tenant, profile_id: str) -> Request[str | None]:
    from sailpoint_provider.isc.api.loads import process_identity_profile

    return process_identity_profile(tenant.api_version, profile_id)
