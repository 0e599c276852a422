"""What Signet declares on Azure."""
