"""AWS: KMS, S3, Lambda and API Gateway."""
