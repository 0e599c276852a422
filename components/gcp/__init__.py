"""What Signet declares on Google Cloud."""
