"""Finds what an interrupted run made on Google Cloud and could not record: by its chosen name.

What bears a chosen name must bear our labels too, or where there are none our description. Roles
given twice are one, and an object is written over. Key rings, keys and versions, of which Google
deletes none, are looked for by the program itself in every run (`components.gcp.key_census`).
Read-only; `signet.engine.leftovers` decides.
"""

import json
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from components.gcp import rest
from components.gcp.rest import Google
from components.leftovers import carries, unanswered
from components.surroundings import Surroundings
from signet.interrupted import Wanted

Inputs = Mapping[str, Any]
Look = Callable[[Google, Inputs], Iterator[str]]

_PAGE: Final = 1_000
"""The most that Cloud Monitoring lists at once; of more, the rest is not looked through."""


def find(wanted: Wanted) -> Sequence[str] | None:
    """Return the ids of unrecorded resources that fit, at most one.

    None when this type has no rule. Raises CouldNotCheck when Google does not answer.
    """
    from google.auth.exceptions import GoogleAuthError

    look = RULES.get(wanted.type)
    if look is None:
        return None
    port = Surroundings.observe("").ports.get("gcp")
    google = Google(f"http://127.0.0.1:{port}" if port else None)
    inputs = {"project": wanted.provider.get("project"), **wanted.inputs}
    try:
        return [each for each in look(google, inputs) if each not in wanted.recorded]
    except (rest.Refused, GoogleAuthError, OSError) as error:
        raise unanswered(wanted, "Google Cloud", error) from error


def _put_again(_google: Google, _inputs: Inputs) -> Iterator[str]:
    yield from ()


def _bucket(google: Google, inputs: Inputs) -> Iterator[str]:
    name = str(inputs["name"])
    found = google.get(rest.STORAGE, f"/storage/v1/b/{urllib.parse.quote(name)}")
    if found is not None and carries(found.get("labels"), inputs.get("labels")):
        yield name


def _account(google: Google, inputs: Inputs) -> Iterator[str]:
    project = inputs["project"]
    email = f"{inputs['accountId']}@{project}.iam.gserviceaccount.com"
    name = f"projects/{project}/serviceAccounts/{email}"
    found = google.get(rest.IAM, f"/v1/{name}")
    ours = inputs.get("displayName")
    if found is not None and ours and found.get("displayName") == ours:
        yield name


def _service(google: Google, inputs: Inputs) -> Iterator[str]:
    name = f"projects/{inputs['project']}/locations/{inputs['location']}/services/{inputs['name']}"
    found = google.get(rest.RUN, f"/v2/{name}")
    if found is not None and carries(found.get("labels"), inputs.get("labels")):
        yield name


def _metric(google: Google, inputs: Inputs) -> Iterator[str]:
    name = str(inputs["name"])
    path = f"/v2/projects/{inputs['project']}/metrics/{urllib.parse.quote(name, safe='')}"
    found = google.get(rest.LOGGING, path)
    if found is not None and found.get("description") == inputs.get("description"):
        yield name


def _titled(what: str) -> Look:
    """Return a rule for what Google makes up a name for, so that a second creation would be a
    second one: known by its title and our labels."""

    def look(google: Google, inputs: Inputs) -> Iterator[str]:
        path = f"/v3/projects/{inputs['project']}/{what}?pageSize={_PAGE}"
        for each in (google.get(rest.MONITORING, path) or {}).get(what, ()):
            same = each.get("displayName") == inputs.get("displayName")
            if same and carries(each.get("userLabels"), inputs.get("userLabels")):
                yield str(each["name"])

    return look


def _dashboard(google: Google, inputs: Inputs) -> Iterator[str]:
    """Known by its title, which names the environment: a dashboard of ours bears no labels."""
    title = json.loads(inputs["dashboardJson"]).get("displayName")
    path = f"/v1/projects/{inputs['project']}/dashboards?pageSize={_PAGE}"
    for each in (google.get(rest.MONITORING, path) or {}).get("dashboards", ()):
        if title and each.get("displayName") == title:
            yield str(each["name"])


def _saved_query(google: Google, inputs: Inputs) -> Iterator[str]:
    name = f"{inputs['parent']}/locations/{inputs['location']}/savedQueries/{inputs['name']}"
    found = google.get(rest.LOGGING, f"/v2/{name}")
    if found is not None and found.get("description") == inputs.get("description"):
        yield name


RULES: Final[Mapping[str, Look]] = {
    "gcp:cloudrunv2/service:Service": _service,
    "gcp:kms/cryptoKey:CryptoKey": _put_again,
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": _put_again,
    "gcp:kms/cryptoKeyVersion:CryptoKeyVersion": _put_again,
    "gcp:kms/keyRing:KeyRing": _put_again,
    "gcp:logging/metric:Metric": _metric,
    "gcp:logging/savedQuery:SavedQuery": _saved_query,
    "gcp:monitoring/alertPolicy:AlertPolicy": _titled("alertPolicies"),
    "gcp:monitoring/dashboard:Dashboard": _dashboard,
    "gcp:monitoring/notificationChannel:NotificationChannel": _titled("notificationChannels"),
    "gcp:serviceaccount/account:Account": _account,
    "gcp:serviceaccount/iAMMember:IAMMember": _put_again,
    "gcp:storage/bucket:Bucket": _bucket,
    "gcp:storage/bucketIAMMember:BucketIAMMember": _put_again,
    "gcp:storage/bucketObject:BucketObject": _put_again,
}
