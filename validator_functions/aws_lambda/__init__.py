"""AWS Lambda: API Gateway authorizer events in, its answers out; no decision of its own."""
