"""Where used platform tokens are remembered: one adapter a cloud, each of one conditional write."""
