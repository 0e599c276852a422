"""The token service as a function app (Flex Consumption), in the Python v2 programming model."""
