"""A failed run in a few lines: the cloud first, then the resource, then what it said."""

import pytest

from signet.engine.failures import summarise

KEY = "urn:pulumi:prod::signet::signet:aws:KeyRing$aws:kms/key:Key::environment-1-key"
STACK = "urn:pulumi:prod::signet::pulumi:pulumi:Stack::signet-prod"
NOT_MADE = (
    "Program failed with an unhandled exception:\nTraceback (most recent call last):\n"
    '  File "/lib/pulumi/output.py", line 188, in run\n    value = await self._future\n'
    "pulumi.runtime.stack.ResourceRegistrationFailed: resource environment-1-key "
    "[aws:kms/key:Key] failed to register"
)
"""What the SDK raises in the program for a resource that the engine could not make."""


def test_the_cloud_and_the_resource_come_first_without_the_providers_wrapping() -> None:
    failed = summarise(
        "signet up prod failed",
        {
            KEY: [
                f"creating {KEY}: 1 error occurred:\n\t* creating KMS Key: AccessDeniedException: "
                "not authorized to perform kms:CreateKey"
            ],
            STACK: ["update failed", NOT_MADE],
        },
    )
    assert failed.details == (
        "AWS: aws:kms:Key environment-1-key: creating KMS Key: AccessDeniedException: "
        "not authorized to perform kms:CreateKey",
    )
    assert "permission" in failed.remedy
    assert failed.exit_code == 1


@pytest.mark.parametrize(
    ("token", "cloud"),
    [
        ("aws:s3/bucket:Bucket", "AWS: aws:s3:Bucket x: "),
        ("azure-native:keyvault:Key", "Azure: azure-native:keyvault:Key x: "),
        ("gcp:kms/cryptoKey:CryptoKey", "Google Cloud: gcp:kms:CryptoKey x: "),
        ("random:index/randomId:RandomId", "random:index:RandomId x: "),
    ],
)
def test_each_cloud_has_its_name(token: str, cloud: str) -> None:
    failed = summarise("w", {f"urn:pulumi:prod::signet::{token}::x": ["boom"]})
    assert failed.details == (f"{cloud}boom",)


def test_a_dynamic_resource_is_its_clouds_and_a_cloud_that_is_unwell_is_waited_for() -> None:
    chain = "signet:index:Environment$signet:azure:Cloud$signet:azure:JwksStore"
    urn = f"urn:pulumi:prod::signet::{chain}$pulumi-python:dynamic/signet:Document::store-jwks"
    failed = summarise("w", {urn: ["a drill has this fail\nErrorCode:503\nCode: 503"]})
    assert failed.details[0].startswith("Azure: pulumi-python:dynamic:Document store-jwks: ")
    assert "service is unwell" in failed.remedy


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Unable to delete resource: it is currently marked for protection", "protectKeys: false"),
        ("dial tcp: lookup kms.eu-west-1.amazonaws.com: no such host", "out of reach"),
        ("ExpiredToken: the security token is expired", "sign in"),
        ("BucketAlreadyOwnedByYou: the bucket exists already", "import it"),
        ("error: incorrect passphrase", "PULUMI_CONFIG_PASSPHRASE"),
        ("failed to load checkpoint: EOF", ".bak"),
        (
            "urn:pulumi:x: the sandbox's AWS does not answer; run `signet sandbox start`",
            "has ended",
        ),
        ("something new", "--verbose"),
    ],
)
def test_what_to_do_follows_from_what_was_said(said: str, remedy: str) -> None:
    assert remedy in summarise("w", {KEY: [said]}).remedy


def test_a_hint_outranks_what_the_text_suggests() -> None:
    assert summarise("w", {KEY: ["no such host"]}, hint="start it").remedy == "start it"


def test_the_commands_own_words_count_when_no_resource_says_more() -> None:
    said = "Updating (prod):\nerror: could not load plugin for aws\nerror: update failed\n"
    assert summarise("w", {}, said=said).details == ("could not load plugin for aws",)
    assert summarise("w", {}, said="one\ntwo\nthree\nfour").details == ("two", "three", "four")


def test_an_error_in_the_program_is_its_last_line_and_its_place_once() -> None:
    trace = (
        "python inline source runtime error: 'oops'\nTraceback (most recent call last):\n"
        '  File "/x/_server.py", line 95, in run\n    loop\n'
        "  File \"/x/components/program.py\", line 16, in main\n    raise\nKeyError: 'oops'\n"
    )
    failed = summarise("w", {STACK: [trace, f"an unhandled error occurred: {trace}"]})
    assert failed.details == ("KeyError: 'oops' (program.py, line 16)",)


def test_the_same_error_twice_is_told_once() -> None:
    assert summarise("w", {KEY: ["boom", "1 error occurred:\n\t* boom"]}).details == (
        "AWS: aws:kms:Key environment-1-key: boom",
    )
