"""The PyJWT handler with Powertools for AWS Lambda around it: its event class and its logger."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import event_source
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerEventV2,
    APIGatewayAuthorizerResponseV2,
)

from benchmarks._peers import pyjwt_handler

logger = Logger(service="orders")


@event_source(data_class=APIGatewayAuthorizerEventV2)
def handler(event: APIGatewayAuthorizerEventV2, context: Any) -> dict[str, Any]:
    """Allow or refuse one request."""
    verdict = pyjwt_handler.handler(event.raw_event, context)
    if not verdict["isAuthorized"]:
        logger.warning("refused")
    answer = APIGatewayAuthorizerResponseV2(
        authorize=verdict["isAuthorized"], context=verdict.get("context")
    )
    return answer.asdict()
