"""Set-up and checks of the house; nothing here is imported by the product."""
