"""Who a validator is to its own private store, in three clouds."""

import json
import re
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from validator_functions.verification.fetch import Answer, FetchFailed, Target, split_url
from validator_functions.verification.private_store import (
    BlobHeaders,
    GoogleHeaders,
    PrivateStore,
    S3Headers,
    store_headers,
)
from validator_functions.verification.sigv4 import AwsCredentials, sign_s3_get

# The examples of the Amazon S3 API Reference, "Authenticating Requests: Using the Authorization
# Header (AWS Signature Version 4)": published example credentials, 24 May 2013, us-east-1.
EXAMPLE = AwsCredentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EXAMPLE_TIME = 1_369_353_600
EXAMPLE_HOST = "https://examplebucket.s3.amazonaws.com"

AWS_EXAMPLES = [
    (
        "/test.txt",
        {"Range": "bytes=0-9"},
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    ("/?lifecycle", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    (
        "/?max-keys=2&prefix=J",
        {},
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
]


@pytest.mark.parametrize(("path", "headers", "signature"), AWS_EXAMPLES)
def test_a_signature_is_the_one_that_aws_documents(
    path: str, headers: dict[str, str], signature: str
) -> None:
    signed = sign_s3_get(
        split_url(EXAMPLE_HOST + path), EXAMPLE, "us-east-1", EXAMPLE_TIME, headers
    )
    assert signed["authorization"].endswith(f",Signature={signature}")


def test_the_whole_authorization_header_is_the_documented_one() -> None:
    signed = sign_s3_get(
        split_url(f"{EXAMPLE_HOST}/test.txt"),
        EXAMPLE,
        "us-east-1",
        EXAMPLE_TIME,
        {"range": "bytes=0-9"},
    )
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


PATHS = [
    "/.well-known/jwks.json",
    "/a/b//c/../d/jwks.json",
    "/with%20space/%C3%A9t%C3%A9~-_.json",
    "/jwks.json?versionId=a%2Fb&x",
    "/a%2Bb%281%29%27%2A%21%24%40%3A.json",
]


def test_a_path_is_encoded_once_whether_or_not_its_address_was() -> None:
    plain, encoded = (
        sign_s3_get(split_url(EXAMPLE_HOST + path), EXAMPLE, "us-east-1", EXAMPLE_TIME)
        for path in ("/test$file.text", "/test%24file.text")
    )
    assert plain == encoded


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "session/token+=="])
def test_botocore_signs_the_same(path: str, token: str | None) -> None:
    url = f"https://bucket.s3.eu-central-1.amazonaws.com{path}"
    signed = sign_s3_get(
        split_url(url),
        AwsCredentials(EXAMPLE.access_key_id, EXAMPLE.secret_access_key, token),
        "eu-central-1",
        EXAMPLE_TIME,
    )
    credentials = Credentials(EXAMPLE.access_key_id, EXAMPLE.secret_access_key, token)
    request: Any = AWSRequest("GET", url)
    request.context["timestamp"] = signed["x-amz-date"]
    auth: Any = S3SigV4Auth(credentials, "s3", "eu-central-1")
    for name in ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token"):
        if name in signed:
            request.headers[name] = signed[name]
    canonical = auth.canonical_request(request)
    expected = auth.signature(auth.string_to_sign(request, canonical), request)
    assert re.search("Signature=(.*)", signed["authorization"])[1] == expected  # type: ignore[index]


def test_a_secret_is_in_no_repr() -> None:
    shown = repr(AwsCredentials("AKID", "the-secret", "the-token"))
    assert shown == "AwsCredentials(AKID)"


def test_a_lambda_signs_with_its_roles_current_keys() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "one", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    headers = S3Headers("eu-west-1", environ, lambda: EXAMPLE_TIME)
    first = headers(f"{EXAMPLE_HOST}/k", 1.0)
    assert "Credential=one/20130524/eu-west-1/s3/aws4_request" in first["authorization"]
    assert first["x-amz-security-token"] == "t"
    environ.update(AWS_ACCESS_KEY_ID="two", AWS_SESSION_TOKEN="")
    second = headers(f"{EXAMPLE_HOST}/k", 1.0)
    assert "Credential=two/" in second["authorization"]
    assert "x-amz-security-token" not in second


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_credentials_nothing_is_asked(missing: str) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    del environ[missing]
    with pytest.raises(FetchFailed, match=missing):
        S3Headers("eu-west-1", environ, lambda: EXAMPLE_TIME)(f"{EXAMPLE_HOST}/k", 1.0)


class Endpoint:
    """A token endpoint that counts what it is asked."""

    def __init__(self, **members: Any) -> None:
        self.asked: list[tuple[Target, dict[str, str], float]] = []
        self.answer = Answer(200, {}, json.dumps(members).encode())

    def __call__(self, target: Target, headers: Any, deadline: float, max_bytes: int) -> Answer:
        assert 0 < max_bytes <= 16_384
        self.asked.append((target, dict(headers), deadline))
        return self.answer


AZURE = {"IDENTITY_ENDPOINT": "http://169.254.129.1:8081/msi/token", "IDENTITY_HEADER": "proof"}


def test_azure_asks_the_managed_identity_and_sends_a_version_that_takes_tokens() -> None:
    endpoint = Endpoint(access_token="abc", expires_on="2000")
    headers = BlobHeaders(None, AZURE, lambda: 1_000.0, endpoint, lambda: 50.0)
    assert headers("https://account.blob.core.windows.net/c/b", 0.8) == {
        "authorization": "Bearer abc",
        "x-ms-version": "2021-08-06",
    }
    target, sent, deadline = endpoint.asked[0]
    assert target.authority == "169.254.129.1:8081"
    assert target.path == (
        "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com%2F"
    )
    assert sent == {"x-identity-header": "proof"}
    assert deadline == pytest.approx(50.8)


def test_a_user_assigned_identity_is_named() -> None:
    endpoint = Endpoint(access_token="abc", expires_on=2_000)
    BlobHeaders("1234", AZURE, lambda: 1_000.0, endpoint)("https://a.test/", 1.0)
    assert endpoint.asked[0][0].path.endswith("&client_id=1234")


def test_google_asks_the_metadata_server_for_a_read_only_scope() -> None:
    endpoint = Endpoint(access_token="abc", expires_in=3_600, token_type="Bearer")
    headers = GoogleHeaders({}, lambda: 1_000.0, endpoint)
    assert headers("https://storage.googleapis.com/b/o", 1.0) == {"authorization": "Bearer abc"}
    target, sent, _ = endpoint.asked[0]
    assert target.host == "metadata.google.internal"
    assert target.path == (
        "/computeMetadata/v1/instance/service-accounts/default/token"
        "?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdevstorage.read_only"
    )
    assert sent == {"metadata-flavor": "Google"}


def test_a_token_is_kept_until_five_minutes_before_its_end() -> None:
    times = iter([1_000.0, 1_001.0, 4_299.0, 4_300.0])
    endpoint = Endpoint(access_token="abc", expires_in=3_600)
    headers = GoogleHeaders({"GCE_METADATA_HOST": "127.0.0.1:9"}, lambda: next(times), endpoint)
    for asked in (1, 1, 1, 2):
        headers("https://a.test/", 1.0)
        assert len(endpoint.asked) == asked
    assert endpoint.asked[0][0].authority == "127.0.0.1:9"


BAD_TOKENS = [
    (404, b"{}"),
    (200, b"not json"),
    (200, b"[]"),
    (200, b"{}"),
    (200, b'{"access_token": "abc"}'),
    (200, b'{"access_token": "abc", "expires_on": "soon"}'),
    (200, b'{"access_token": "abc", "expires_in": null}'),
    (200, b'{"access_token": "", "expires_in": 9}'),
    (200, b'{"access_token": 7, "expires_in": 9}'),
    (200, b"[" * 100_000),
]


@pytest.mark.parametrize(("status", "body"), BAD_TOKENS)
def test_an_answer_without_a_token_is_a_failed_fetch_that_quotes_nothing(
    status: int, body: bytes
) -> None:
    endpoint = Endpoint()
    endpoint.answer = Answer(status, {}, body)
    with pytest.raises(FetchFailed, match="token endpoint") as caught:
        GoogleHeaders({}, lambda: 1_000.0, endpoint)("https://a.test/", 1.0)
    assert caught.value.reason == "credentials_missing"
    assert "abc" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("missing", ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"])
def test_azure_without_an_identity_asks_nobody(missing: str) -> None:
    endpoint = Endpoint()
    environ = {name: value for name, value in AZURE.items() if name != missing}
    with pytest.raises(FetchFailed, match=missing):
        BlobHeaders(None, environ, lambda: 1_000.0, endpoint)("https://a.test/", 1.0)
    assert endpoint.asked == []


STORES: list[tuple[dict[str, Any], type]] = [
    ({"kind": "aws_s3", "url": "https://b.s3.amazonaws.com/k", "region": "eu-west-1"}, S3Headers),
    ({"kind": "aws_s3", "url": "https://b.s3.amazonaws.com/k", "region": None}, S3Headers),
    ({"kind": "azure_blob", "url": "https://a.test/c/b", "client_id": "1234"}, BlobHeaders),
    ({"kind": "gcs", "url": "https://storage.googleapis.com/b/o"}, GoogleHeaders),
]


@pytest.mark.parametrize(("members", "expected"), STORES)
def test_each_kind_of_store_has_its_proof(members: dict[str, Any], expected: type) -> None:
    store = PrivateStore.parse(members)
    assert isinstance(store_headers(store, {"AWS_REGION": "r"}, lambda: 0.0), expected)


BAD_STORES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "ftp", "url": "https://a.test/"}, "kind"),
    ({"url": "https://a.test/"}, "kind"),
    ({"kind": "gcs", "url": "https://a.test/", "region": "x"}, "does not know"),
    ({"kind": "gcs", "url": 7}, "non-empty string"),
    ({"kind": "gcs", "url": ""}, "non-empty string"),
    ({"kind": "gcs"}, "url"),
    ({"kind": "gcs", "url": "http://127.0.0.1/"}, "scheme is not https"),
]


@pytest.mark.parametrize(("members", "problem"), BAD_STORES)
def test_a_store_that_is_wrongly_described_is_refused(
    members: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        PrivateStore.parse(members)


def test_a_store_on_loopback_needs_the_sandbox() -> None:
    members = {"kind": "gcs", "url": "http://127.0.0.1:8080/o"}
    assert PrivateStore.parse(members, loopback_http=True).url == members["url"]
