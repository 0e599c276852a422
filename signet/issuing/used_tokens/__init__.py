"""Where used platform tokens are remembered: each store is one conditional write."""
