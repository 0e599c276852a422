"""What others are measured as: each file runs on the packages of `requirements/peers.txt` alone."""
