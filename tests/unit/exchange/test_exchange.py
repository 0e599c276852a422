"""Good and bad exchanges, by tables: who is given a token, and what stands in it."""

import json
from typing import Any

import pytest

from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from signet.issuing.exchange.replay import ReplayUnchecked
from signet.token_service import Limits
from tests.cases import platforms
from tests.cases.forge import NOW, Signer
from tests.cases.platforms import Platform
from tests.unit.exchange.world import CALLERS, ISSUER, ORDERS, SCHEMA, World, signing_key, told
from tests.unit.issuing.local_keys import LocalSigner, new_key
from validator_functions.verification import KeySet, Policy, verify

IDENTITIES = ("github", "gitlab", "aws", "azure", "google")
NAMES = {caller["identity"]: caller["name"] for caller in CALLERS}


def verified(world: World, token: str) -> dict[str, Any]:
    """The claims of a token of ours, as a validator of the service finds them."""
    key = signing_key(world.local)
    policy = Policy(issuer=ISSUER, audiences=[ORDERS], algorithms=[key.algorithm], clock_skew=0)
    keys = KeySet.parse({"keys": [dict(key.jwk)]})
    return verify(token, keys, policy, int(world.now)).as_dict()


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_platforms_token_is_swapped_for_one_of_ours(identity: str) -> None:
    world = World()
    subject = world.platforms[identity]
    answer = world.ask(world.token(identity))
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    members = told(answer)
    assert members["token_type"] == "Bearer"
    assert members["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    claims = verified(world, members["access_token"])
    assert claims["sub"] == claims["client_id"] == NAMES[identity]
    assert claims["act"] == {"iss": subject.issuer, "sub": subject.claims["sub"]}
    assert claims["aud"] == ORDERS
    assert claims["scope"] == members["scope"]
    assert claims["exp"] - claims["iat"] == members["expires_in"]
    (line,) = world.lines
    assert line["signet"] == "exchange"
    assert (line["allowed"], line["status"], line["reason"]) == (True, 200, None)
    assert (line["caller"], line["jti"]) == (NAMES[identity], claims["jti"])
    assert line["sub"] == subject.claims["sub"]


def test_only_claims_of_the_contract_stand_in_a_token() -> None:
    world = World()
    claims = verified(world, told(world.ask(world.token("github")))["access_token"])
    assert set(claims) == {
        "iss", "sub", "aud", "client_id", "iat", "nbf", "exp", "jti", "act", "scope", "roles",
    }  # fmt: skip
    assert claims["roles"] == ["deployer"]


def _github(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "github", changes


@pytest.mark.parametrize(
    ("identity", "changes", "detail"),
    [
        pytest.param(*_github(repository_id="75"), "repository_id", id="a fork"),
        pytest.param(
            *_github(repository_id="912", repository_owner_id="913"),
            "repository_id",
            id="another repository with the same name",
        ),
        pytest.param(
            *_github(repository_owner_id="913"), "repository_owner_id", id="after a transfer"
        ),
        pytest.param(
            *_github(
                event_name="pull_request",
                ref="refs/pull/7/merge",
                sub="repo:octo-org/octo-repo:pull_request",
            ),
            "ref",
            id="a pull request",
        ),
        pytest.param(
            *_github(event_name="pull_request_target"), "event_name", id="a pull request's target"
        ),
        pytest.param(*_github(event_name="issue_comment"), "event_name", id="anybody's comment"),
        pytest.param(*_github(ref_protected="false"), "ref_protected", id="an unprotected ref"),
        pytest.param(*_github(ref_protected=None), "ref_protected", id="unsaid protection"),
        pytest.param(*_github(ref="refs/heads/feature"), "ref", id="another branch"),
        pytest.param(*_github(ref="refs/tags/main"), "ref", id="a tag named like the branch"),
        pytest.param(*_github(environment="staging"), "environment", id="another environment"),
        pytest.param(*_github(environment=None), "environment", id="no environment"),
        pytest.param("gitlab", {"project_id": "46573357"}, "project_id", id="a GitLab fork"),
        pytest.param(
            "gitlab", {"ref_protected": "false"}, "ref_protected", id="GitLab, unprotected ref"
        ),
        pytest.param(
            "gitlab",
            {"pipeline_source": "merge_request_event"},
            "pipeline_source",
            id="a merge request",
        ),
        pytest.param(
            "aws",
            {"sub": "arn:aws:iam::123456789012:role/DataProcessingRole2"},
            "sub",
            id="another AWS role",
        ),
        pytest.param(
            "aws",
            {"https://sts.amazonaws.com/": {"aws_account": "210987654321"}},
            "aws_account",
            id="another AWS account",
        ),
        pytest.param("azure", {"oid": "another"}, "oid", id="another managed identity"),
        pytest.param("azure", {"tid": "another"}, "tid", id="another tenant"),
        pytest.param(
            "google",
            {"sub": "2", "email": platforms.GOOGLE["email"]},
            "sub",
            id="a new Google account with an old address",
        ),
    ],
)
def test_an_identity_that_no_rule_names_gets_nothing(
    identity: str, changes: dict[str, Any], detail: str
) -> None:
    world = World()
    answer = world.ask(world.token(identity, **changes))
    assert answer.status == 400
    assert told(answer)["error"] == "invalid_request"
    (line,) = world.lines
    assert (line["reason"], line["detail"], line["caller"]) == ("caller_unknown", detail, None)


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"aud": "https://github.com/octo-org"}, "audience_mismatch"),
        ({"aud": ORDERS}, "audience_mismatch"),
        ({"exp": NOW - 100, "iat": NOW - 400, "nbf": NOW - 400}, "token_expired"),
        ({"exp": NOW + 100_000}, "lifetime_too_long"),
        ({"iat": NOW + 200, "nbf": None}, "issued_in_future"),
        ({"iss": "https://token.actions.githubusercontent.com.example"}, "issuer_unknown"),
        ({"sub": None}, "claim_missing"),
    ],
)
def test_a_platforms_token_that_is_not_good_gets_nothing(
    identity: str, changes: dict[str, Any], detail: str
) -> None:
    world = World()
    answer = world.ask(world.token(identity, **changes))
    assert (answer.status, told(answer)["error"]) == (400, "invalid_request")
    (line,) = world.lines
    assert (line["reason"], line["detail"]) == ("subject_refused", detail)
    assert (line["iss"], line["sub"], line["subject_jti"]) == (None, None, None)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_forged_platform_token_gets_nothing(identity: str) -> None:
    world = World()
    genuine = world.platforms[identity]
    forger = Signer(
        genuine.signer.algorithm, new_key(genuine.signer.algorithm), kid=genuine.signer.kid
    )
    forged = Platform(identity, genuine.claims, forger, genuine.header).token(ISSUER)
    stranger = Signer(genuine.signer.algorithm, new_key(genuine.signer.algorithm))
    unknown = Platform(identity, genuine.claims, stranger, genuine.header).token(ISSUER)
    world.ask(forged)
    world.ask(unknown)
    assert [line["detail"] for line in world.lines] == ["signature_invalid", "key_unknown"]


def test_one_platforms_key_signs_nothing_for_another() -> None:
    world = World()
    forger = world.platforms["gitlab"].signer
    forged = Platform("github", platforms.GITHUB, forger, {"typ": "JWT"}).token(ISSUER)
    assert world.ask(forged).status == 400
    assert world.lines[0]["detail"] == "key_unknown"


def test_a_token_of_our_own_service_cannot_be_swapped_for_another() -> None:
    world = World()
    issued = told(world.ask(world.token("github")))["access_token"]
    assert world.ask(issued).status == 400
    assert world.lines[1]["detail"] == "issuer_unknown"


def test_a_token_that_is_taken_once_is_refused_the_second_time() -> None:
    world = World()
    token = world.token("gitlab")
    assert world.ask(token).status == 200
    again = world.ask(token)
    assert (again.status, told(again)["reason"]) == (400, "replayed")
    assert world.ask(world.token("gitlab", jti="another")).status == 200


@pytest.mark.parametrize(
    ("issued", "reason"),
    [(0, "issued_before_move"), (60, "issued_before_move"), (61, None), (120, None)],
)
def test_after_the_home_moved_no_token_is_taken_once_that_the_old_one_may_have_taken(
    issued: int, reason: str | None
) -> None:
    world = World(memory_since=NOW)
    world.now = NOW + 600.0
    token = world.token("gitlab", iat=NOW + issued, nbf=NOW + issued)
    assert told(world.ask(token)).get("reason") == reason
    assert world.ask(world.token("github", iat=NOW - 100, nbf=NOW - 100)).status == 200


def test_a_new_token_is_of_no_use_before_the_platforms_clock_can_have_passed_the_move() -> None:
    world = World(memory_since=NOW)
    world.now = NOW + 20.0
    answer = world.ask(world.token("gitlab"))
    assert (answer.status, told(answer)["reason"]) == (503, "replay_unchecked")
    wait = int(answer.headers["retry-after"])
    world.now += wait
    assert world.ask(world.token("gitlab")).status == 200


def test_while_the_old_homes_service_may_still_exchange_nothing_is_taken_once() -> None:
    world = World(memory_since=None)
    answer = world.ask(world.token("gitlab"))
    assert (answer.status, told(answer)["reason"]) == (503, "replay_unchecked")
    assert int(answer.headers["retry-after"]) > 0
    assert world.lines[0]["detail"] == "home_moved"
    assert world.ask(world.token("github")).status == 200


def test_a_token_that_may_come_again_may() -> None:
    world = World()
    token = world.token("github")
    assert [world.ask(token).status for _ in range(2)] == [200, 200]


def test_a_token_without_an_id_cannot_be_taken_once() -> None:
    world = World()
    answer = world.ask(world.token("gitlab", jti=None))
    assert told(answer)["reason"] == "token_id_missing"


def test_what_cannot_be_remembered_is_not_issued() -> None:
    class Broken:
        def first_use(self, key: str, expires_at: int) -> bool:
            raise ReplayUnchecked(f"no bucket for {key} until {expires_at}")

    world = World(replay=Broken())
    answer = world.ask(world.token("gitlab"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert told(answer)["error"] == "temporarily_unavailable"


@pytest.mark.parametrize(
    ("asked", "status", "granted"),
    [
        (None, 200, "orders:read orders:write"),
        ("orders:read", 200, "orders:read"),
        ("orders:write orders:admin", 200, "orders:write"),
        ("orders:read orders:read", 200, "orders:read"),
        ("orders:admin", 400, None),
        ("orders", 400, None),
        ("orders:read  orders:write", 400, None),
    ],
)
def test_scopes_are_cut_to_the_policy(asked: str | None, status: int, granted: str | None) -> None:
    world = World()
    answer = world.ask(world.token("github"), scope=asked)
    assert answer.status == status
    if granted is None:
        assert told(answer)["error"] == "invalid_scope"
    else:
        assert told(answer)["scope"] == granted
        assert verified(world, told(answer)["access_token"])["scope"] == granted


@pytest.mark.parametrize(("lifetime", "seconds"), [("90s", 90), ("1h", 900), ("15m", 900)])
def test_a_lifetime_is_capped_by_the_environment(lifetime: str, seconds: int) -> None:
    world = World(raw=[{**CALLERS[0], "lifetime": lifetime}])
    assert told(world.ask(world.token("github")))["expires_in"] == seconds


def test_another_environments_token_is_not_outlived() -> None:
    upstream = Signer("RS256")
    raw = {
        "name": "staging",
        "identity": "signet",
        "issuer": "https://keys.signet.example/staging",
        "match": {"sub": "mirror"},
        "scopes": ["orders:read"],
    }
    world = World(raw=[raw])
    document = {"keys": [upstream.jwk], "sequence": 3, "denied": []}
    url = "https://keys.signet.example/staging/.well-known/jwks.json"
    world.stores.held[url] = json.dumps(document).encode()
    claims = {
        "iss": raw["issuer"], "sub": "mirror", "client_id": "mirror", "aud": ISSUER,
        "iat": NOW - 100, "exp": NOW + 42, "jti": "x",
    }  # fmt: skip
    answer = world.ask(upstream.token(claims))
    assert told(answer)["expires_in"] == 42
    assert verified(world, told(answer)["access_token"])["act"]["sub"] == "mirror"
    world.stores.held[url] = json.dumps({**document, "sequence": 2}).encode()
    as_platform = upstream.token(claims, upstream.header(typ="JWT"))
    assert told(world.ask(as_platform))["reason"] == "subject_refused"


def test_several_rules_that_fit_are_not_chosen_between() -> None:
    second = {**CALLERS[0], "name": "orders-other", "scopes": ["orders:audit"]}
    world = World(raw=[CALLERS[0], second])
    answer = world.ask(world.token("github"))
    assert told(answer)["reason"] == "caller_ambiguous"
    chosen = world.ask(world.token("github"), client_id="orders-other")
    assert told(chosen)["scope"] == "orders:audit"
    assert world.ask(world.token("github"), client_id="orders-nightly").status == 400


def test_a_burst_of_one_caller_is_told_when_to_come_back_and_others_are_not_hurt() -> None:
    world = World(limits=Limits(caller_per_second=1, caller_burst=2))
    answers = [world.ask(world.token("github")) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert told(answers[2])["error"] == "temporarily_unavailable"
    assert world.ask(world.token("aws")).status == 200
    world.monotonic += 1.0
    assert world.ask(world.token("github")).status == 200


def test_the_kms_quota_is_kept_whoever_asks() -> None:
    world = World(limits=Limits(sign_per_second=1, sign_burst=3))
    statuses = [
        world.ask(world.token(name)).status for name in ("github", "aws", "azure", "google")
    ]
    assert statuses == [200, 200, 200, 429]
    assert world.lines[-1]["detail"] == "instance"


class Slow(LocalSigner):
    """Signs after `seconds` on the world's clock."""

    world: World | None = None
    seconds = 0.0

    def sign(self, message: bytes) -> bytes:
        assert self.world is not None
        self.world.monotonic += self.seconds
        return super().sign(message)


@pytest.mark.parametrize(("seconds", "status"), [(4.9, 200), (5.1, 503)])
def test_a_late_token_is_thrown_away(seconds: float, status: int) -> None:
    slow = Slow("RS256")
    world = World(local=slow)
    slow.world, slow.seconds = world, seconds
    answer = world.ask(world.token("github"))
    assert answer.status == status
    assert ("access_token" in told(answer)) is (status == 200)
    assert world.lines[0]["reason"] == (None if status == 200 else "too_late")


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        ("KmsBusy", 429, "kms_busy"),
        ("KmsUnreachable", 503, "kms_unavailable"),
        ("KeyUnusable", 503, "key_unusable"),
        ("SigningDenied", 503, "key_unusable"),
    ],
)
def test_a_kms_that_does_not_sign_is_said_without_a_token(
    error: str, status: int, reason: str
) -> None:
    from signet.issuing import errors

    class Failing(LocalSigner):
        def sign(self, message: bytes) -> bytes:
            raise getattr(errors, error)(f"no: {len(message)}")

    world = World(signer=Failing("RS256"))
    answer = world.ask(world.token("github"))
    assert answer.status == status
    assert int(answer.headers["retry-after"]) >= 1
    assert world.lines[0]["reason"] == reason


def test_another_key_behind_the_reference_signs_nothing() -> None:
    world = World(signer=LocalSigner("RS256", new_key("RS256")))
    answer = world.ask(world.token("github"))
    assert (answer.status, world.lines[0]["detail"]) == (503, "wrong_key")


def test_a_refused_signer_is_made_anew_and_an_old_one_too() -> None:
    made: list[float] = []

    def connect(_: Any) -> LocalSigner:
        made.append(world.monotonic)
        return world.local

    world = World(connect=connect)
    for seconds in (0.0, 599.0, 2.0):
        world.monotonic += seconds
        assert world.ask(world.token("github")).status == 200
    assert made == [1_000.0, 1_601.0]


def test_keys_that_cannot_be_had_are_not_a_refusal() -> None:
    world = World()
    world.stores.held.clear()
    answer = world.ask(world.token("github"))
    assert (answer.status, told(answer)["reason"]) == (503, "subject_unchecked")
    assert answer.headers["retry-after"] == "2"


def test_a_strange_subject_travels_as_visible_ascii() -> None:
    world = World()
    strange = "repo:octo-org/octo-repo:environment:größe 1%"
    issued = told(world.ask(world.token("github", sub=strange)))["access_token"]
    acting = verified(world, issued)["act"]["sub"]
    assert acting == "repo:octo-org/octo-repo:environment:gr%C3%B6%C3%9Fe%201%25"
    assert told(world.ask(world.token("github", sub="x" * 1_025)))["reason"] == "subject_refused"


def test_no_line_and_no_answer_holds_a_part_of_a_token() -> None:
    world = World()
    tokens = [world.token("github"), world.token("github", repository_id="75"), "a.b.c"]
    answers = [world.ask(token) for token in tokens]
    issued = told(answers[0])["access_token"]
    written = json.dumps(world.lines) + answers[1].body + answers[2].body
    for part in (part for token in (*tokens[:2], issued) for part in token.split(".")):
        assert part not in written


def test_a_fault_of_ours_ends_as_a_refusal() -> None:
    def connect(_: Any) -> LocalSigner:
        raise RuntimeError("secret")

    world = World(connect=connect)
    answer = world.ask(world.token("github"))
    assert (answer.status, told(answer)["error"]) == (500, "server_error")
    assert "secret" not in answer.body + json.dumps(world.lines)


def test_every_reason_has_a_status_and_an_error_that_the_schema_knows() -> None:
    known = SCHEMA["$defs"]["exchange"]["properties"]
    assert set(known["reason"]["enum"]) == {None, *map(str, Reason)}
    for reason in Reason:
        refusal = ExchangeRefused(reason, "x")
        assert refusal.status in known["status"]["enum"]
        assert refusal.error in known["error"]["enum"]
