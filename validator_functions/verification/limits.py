"""Sizes beyond which input is refused before it is copied, decoded or parsed.

A gateway in front already caps a request's headers (API Gateway: 10,240 bytes in all), so an
ordinary token never comes near these.
"""

TOKEN = 16_384
HEADER_SEGMENT = 4_096
PAYLOAD_SEGMENT = 12_288
# RSA of 4,096 bits is 683 characters in base64url.
SIGNATURE_SEGMENT = 700
KEY_ID = 256
# Entra publishes about 20 KB (certificates), the largest set seen among those looked up.
KEY_SET = 262_144
KEYS = 64
DENIED = 1_024
JSON_DEPTH = 16
# 2**53 - 1 has 16 digits: RFC 8259 section 6 calls no larger integer interoperable.
NUMBER_CHARACTERS = 17
FRACTION_CHARACTERS = 32
BATCH_LINE = 1_048_576
SETTINGS = 1_048_576
PATH = 8_192
# 1 January 2020 and 1 January 2100: a clock outside is wrong, and nothing can be judged by it.
CLOCK_EARLIEST = 1_577_836_800
CLOCK_LATEST = 4_102_444_800
