"""The pages of ISC's web interface that tasks link to."""

from __future__ import annotations

from sailpoint_provider.isc.api.identifiers import id_from_response


def source_page(ui_url: str | None, source_id: str | None) -> str | None:
    """
    Return the URL of a source's page.

    :param ui_url: scheme, host and port of the web interface; None if unknown.
    :param source_id: ID of the source; None if unknown.
    :returns: None if one of them is unknown.
    """
    if ui_url is None or id_from_response(source_id) is None:
        return None
    return f"{ui_url}/ui/a/admin/connections/sources/{source_id}"


def aggregation_activity_page(ui_url: str | None) -> str | None:
    """
    Return the URL of the page from which a person reaches the aggregation activity of every source.

    That is the list of sources. The activity log itself is a part of each source's page (ISC OpenAPI, account
    aggregations), and SailPoint documents no URL that leads to it.

    :param ui_url: scheme, host and port of the web interface; None if unknown.
    :returns: None if that is unknown.
    """
    return None if ui_url is None else f"{ui_url}/ui/a/admin/connections/sources-list/configured-sources"
