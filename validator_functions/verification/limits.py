"""Sizes beyond which input is refused before it is copied, decoded or parsed.

A gateway in front already caps a request's headers (API Gateway: 10,240 bytes in all), so an
ordinary token never comes near these. A signature has no limit of its own but its key's length.
"""

TOKEN = 16_384
HEADER_SEGMENT = 4_096
# Of a header's or a payload's decoded text.
JSON_TEXT = 9_216
# RSA of 4,096 bits is 683 characters in base64url.
KEY_MEMBER = 700
KEY_ID = 256
# Entra publishes about 20 KB (certificates), the largest set seen among those looked up.
KEY_SET = 262_144
KEYS = 64
DENIED = 1_024
JSON_DEPTH = 16
# No honest number comes near. A text as short as this cannot hold a longer one, and is scanned
# without counting.
NUMBER_CHARACTERS = 1_024
# A line of `signet verify --batch`: an absurd token or key set in it is answered by its `id`.
BATCH_LINE = 67_108_864
SETTINGS = 1_048_576
PATH = 8_192
# 1 January 2020 and 1 January 2100: a clock outside is wrong, and nothing can be judged by it.
CLOCK_EARLIEST = 1_577_836_800
CLOCK_LATEST = 4_102_444_800
