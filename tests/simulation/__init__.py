"""Simulated time: environments, faults and consumers around the real ``plan``."""
