"""What the sandbox does not show. `docs/sandbox.md` lists it; here each line is seen to hold.

A test that fails here is good news: the emulator has learnt something, and the page must follow.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sandbox.plugin.content import archive_zip
from sandbox.plugin.values import Archive, Asset

pytestmark = pytest.mark.engine

ROLE = "arn:aws:iam::000000000000:role/x"


@pytest.fixture(scope="module")
def endpoint(sandbox_environ: dict[str, str]) -> str:
    return sandbox_environ["AWS_ENDPOINT_URL"]


def client(endpoint: str, service: str) -> Any:
    return boto3.session.Session().client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def ask(url: str, *, method: str = "GET", host: str | None = None, token: str | None = None) -> int:
    headers = {"Host": host} if host else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    data = b"x" if method == "PUT" else None
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def function(endpoint: str, name: str, text: str, runtime: str = "python3.13") -> Any:
    functions = client(endpoint, "lambda")
    made = functions.create_function(
        FunctionName=name,
        Runtime=runtime,
        Architectures=["arm64"],
        Role=ROLE,
        Handler="h.handler",
        Code={"ZipFile": archive_zip(Archive(members={"h.py": Asset(text=text)}))},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return made["FunctionArn"]


def invoked(endpoint: str, name: str) -> Any:
    answer = client(endpoint, "lambda").invoke(FunctionName=name, Payload=b"{}")
    return json.load(answer["Payload"])


def test_a_key_policy_is_kept_and_not_enforced(endpoint: str) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}
    kms = client(endpoint, "kms")
    key = kms.create_key(
        KeySpec="ECC_NIST_P256",
        KeyUsage="SIGN_VERIFY",
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
        BypassPolicyLockoutSafetyCheck=True,
    )["KeyMetadata"]["KeyId"]
    signed = kms.sign(
        KeyId=key, Message=b"x" * 32, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
    )
    assert signed["Signature"]


def test_a_private_bucket_is_read_and_written_by_anybody(endpoint: str) -> None:
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket="private")
    s3.put_public_access_block(
        Bucket="private",
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_object(Bucket="private", Key="a", Body=b"x")
    assert ask(f"{endpoint}/private/a") == 200
    assert ask(f"{endpoint}/private/b", method="PUT") == 200


def test_a_function_runs_on_the_emulators_python_whatever_its_runtime_says(endpoint: str) -> None:
    function(
        endpoint,
        "which",
        "import sys, platform\n"
        "def handler(event, context):\n"
        "    return [list(sys.version_info[:2]), platform.machine()]\n",
    )
    version, machine = invoked(endpoint, "which")
    assert version == list(sys.version_info[:2])
    assert machine != "aarch64"


def test_a_function_sees_the_packages_of_the_emulator(endpoint: str) -> None:
    """So a bundle that forgot one of these would still work here."""
    function(
        endpoint,
        "borrowed",
        "import cryptography, hypercorn\n"
        "def handler(event, context):\n"
        "    return cryptography.__file__\n",
    )
    assert "ministack" in Path(invoked(endpoint, "borrowed")).as_posix()


def test_a_function_inherits_the_emulators_environment(endpoint: str) -> None:
    function(
        endpoint,
        "inherits",
        "import os\ndef handler(event, context):\n    return sorted(os.environ)\n",
    )
    assert {"SIGNET_SANDBOX_SERVER", "AWS_ENDPOINT_URL"} <= set(invoked(endpoint, "inherits"))


def test_the_native_jwt_authorizer_takes_a_token_without_exp(endpoint: str) -> None:
    """The gateway's own check, as an existing consumer would use it; real ones refuse this."""
    kms, s3 = client(endpoint, "kms"), client(endpoint, "s3")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public, RSAPublicKey)
    numbers = public.public_numbers()
    jwk = {
        "kty": "RSA",
        "kid": "k",
        "use": "sig",
        "alg": "RS256",
        "n": b64(numbers.n.to_bytes(256, "big")),
        "e": b64(numbers.e.to_bytes(3, "big")),
    }
    s3.create_bucket(Bucket="jwks")
    s3.put_object(
        Bucket="jwks", Key=".well-known/jwks.json", Body=json.dumps({"keys": [jwk]}).encode()
    )
    issuer = f"{endpoint}/jwks"

    def token(**claims: Any) -> str:
        head = b64(json.dumps({"alg": "RS256", "kid": "k"}).encode())
        body = {"iss": issuer, "aud": "api", "sub": "s", **claims}
        signed = f"{head}.{b64(json.dumps(body).encode())}"
        signature = kms.sign(
            KeyId=key,
            Message=hashlib.sha256(signed.encode()).digest(),
            MessageType="DIGEST",
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )["Signature"]
        return f"{signed}.{b64(signature)}"

    arn = function(
        endpoint, "jwt", "def handler(event, context):\n    return {'statusCode': 200}\n"
    )
    v2 = client(endpoint, "apigatewayv2")
    api = v2.create_api(Name="jwt", ProtocolType="HTTP")["ApiId"]
    integration = v2.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    authorizer = v2.create_authorizer(
        ApiId=api,
        Name="jwt",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["api"], "Issuer": issuer},
    )["AuthorizerId"]
    v2.create_route(
        ApiId=api,
        RouteKey="GET /",
        Target=f"integrations/{integration}",
        AuthorizationType="JWT",
        AuthorizerId=authorizer,
    )
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    host = f"{api}.execute-api.localhost:{endpoint.rsplit(':', 1)[-1]}"
    now = int(time.time())
    assert ask(endpoint + "/", host=host, token=token(exp=now + 60)) == 200
    assert ask(endpoint + "/", host=host, token=token(exp=now - 600)) == 401
    assert ask(endpoint + "/", host=host, token=token()) == 200


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_request_event_has_its_header_names_in_lower_case(endpoint: str) -> None:
    """A REST API of AWS passes names as the caller wrote them."""
    arn = function(
        endpoint,
        "headers",
        "import json\n"
        "def handler(event, context):\n"
        "    return {'statusCode': 200, 'body': json.dumps(sorted(event['headers']))}\n",
    )
    v1 = client(endpoint, "apigateway")
    api = v1.create_rest_api(name="headers")["id"]
    root = v1.get_resources(restApiId=api)["items"][0]["id"]
    place = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**place, authorizationType="NONE")
    v1.put_integration(
        **place,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
    )
    v1.create_deployment(restApiId=api, stageName="v1")
    url = f"{endpoint}/restapis/{api}/v1/_user_request_/"
    request = urllib.request.Request(url, headers={"X-Custom-Name": "1"})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        names = json.load(answer)
    assert "x-custom-name" in names
    assert "X-Custom-Name" not in names
