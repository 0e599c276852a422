"""What is wrong with an environment, from facts that somebody else observed. Pure."""
