"""Finds the environment's alarms in Cloud Monitoring: alert policies of its project."""

import urllib.parse
from collections.abc import Mapping
from typing import Final

from components.gcp import rest
from components.gcp.settings import GcpSettings

_PAGE: Final = 500


def find_alarms(settings: GcpSettings, environment: str) -> Mapping[str, bool | None]:
    """Return the environment's policies by display name. Whether one goes off, none tells.

    Raises rest.Refused, or google-auth's and requests' own errors.
    """
    prefix = f"signet-{environment}-"
    wanted = urllib.parse.quote(f'display_name = starts_with("{prefix}")')
    path = f"/v3/projects/{settings.project}/alertPolicies?pageSize={_PAGE}&filter={wanted}"
    google, names, page = rest.Google(settings.endpoint), [], ""
    while True:
        told = google.get(rest.MONITORING, path + page) or {}
        names += [str(each["displayName"]) for each in told.get("alertPolicies", ())]
        if not (token := str(told.get("nextPageToken", ""))):
            break
        page = f"&pageToken={urllib.parse.quote(token, safe='')}"
    return {name: None for name in names if name.startswith(prefix)}
